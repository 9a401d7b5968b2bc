/* peer_linux.h: peer.c's sockets are Linux's. */
#ifndef TEST_ESP32_PEER_SOCKETS_H
#define TEST_ESP32_PEER_SOCKETS_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define PEER(name) linux_peer_##name
#define p_socket socket
#define p_bind bind
#define p_listen listen
#define p_accept accept
#define p_connect connect
#define p_send(fd, data, size) send(fd, data, size, MSG_NOSIGNAL)
#define p_recv(fd, data, size) recv(fd, data, size, 0)
#define p_sendto sendto
#define p_recvfrom recvfrom
#define p_getsockname getsockname
#define p_setsockopt setsockopt
#define p_close close
#define p_close_listener(fd) (shutdown(fd, SHUT_RDWR), close(fd))
#define p_htons htons
#define p_ntohs ntohs
#define p_address(text) inet_addr(text)

#endif
