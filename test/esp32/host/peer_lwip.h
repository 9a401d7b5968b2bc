/* peer_lwip.h: peer.c's sockets are lwIP's, of the same stack as what is tested: where there is no tap. */
#ifndef TEST_ESP32_PEER_SOCKETS_H
#define TEST_ESP32_PEER_SOCKETS_H

#include "lwip/inet.h"
#include "lwip/sockets.h"

#include "listener.h"

#define PEER(name) lwip_peer_##name
#define p_socket lwip_socket
#define p_bind lwip_bind
#define p_listen lwip_listen
#define p_accept lwip_accept
#define p_connect lwip_connect
#define p_send(fd, data, size) lwip_send(fd, data, size, 0)
#define p_recv(fd, data, size) lwip_recv(fd, data, size, 0)
#define p_sendto lwip_sendto
#define p_recvfrom lwip_recvfrom
#define p_getsockname lwip_getsockname
#define p_setsockopt lwip_setsockopt
#define p_close lwip_close
#define p_close_listener test_lwip_close_listener
#define p_htons lwip_htons
#define p_ntohs lwip_ntohs
#define p_address(text) ipaddr_addr(text)

#endif
