/* lwipopts.h: lwIP as ESP-IDF's defaults build it, as far as the sockets, TCP, UDP and DNS go. */
#ifndef TEST_ESP32_LWIPOPTS_H
#define TEST_ESP32_LWIPOPTS_H

#include <fcntl.h>
#include <sys/select.h>
#include <sys/time.h>
#include <sys/types.h>

/* ESP-IDF has 10 sockets; the peers of the loopback tests live in the same stack and need as many. */
#define TEST_SOCKETS 24

#define NO_SYS 0
#define SYS_LIGHTWEIGHT_PROT 1
#define LWIP_TCPIP_CORE_LOCKING 0
#define MEM_LIBC_MALLOC 1
#define MEMP_MEM_MALLOC 1
#define MEM_ALIGNMENT 8 /* 4 on an ESP32; pointers are twice as large here */
#define MEMP_NUM_NETCONN TEST_SOCKETS
#define MEMP_NUM_TCP_PCB 32
#define MEMP_NUM_TCP_PCB_LISTEN 16
#define MEMP_NUM_UDP_PCB 16
#define ARP_QUEUEING 1
#define LWIP_IPV4 1
#ifndef LWIP_IPV6
#define LWIP_IPV6 1
#endif
#define IPV6_FRAG_COPYHEADER 1 /* pointers of 64 bits are larger than the field they would be put into */
#define LWIP_RAW 1
#define LWIP_DHCP 0
#define LWIP_DNS 1
#define LWIP_TCP 1
#define LWIP_UDP 1
#define LWIP_NETBUF_RECVINFO 0
#define TCP_MSS 1440
#define TCP_WND 5760
#define TCP_SND_BUF 5760
#define TCP_SND_QUEUELEN ((4 * (TCP_SND_BUF) + (TCP_MSS - 1)) / (TCP_MSS))
#define TCP_MAXRTX 12
#define TCP_SYNMAXRTX 12
#define TCP_QUEUE_OOSEQ 1
#define TCP_LISTEN_BACKLOG 1
#define TCP_OVERSIZE TCP_MSS
#define TCP_MSL 60000
#define TCP_TMR_INTERVAL 250
#define LWIP_WND_SCALE 0
#define LWIP_NETIF_API 1
#define LWIP_NETIF_EXT_STATUS_CALLBACK 1
/* As CONFIG_LWIP_CHECK_THREAD_SAFETY: what belongs to lwIP's thread may be called there only. */
#define LWIP_MARK_TCPIP_THREAD() stub_mark_lwip()
#define LWIP_ASSERT_CORE_LOCKED() test_lwip_assert_thread()
void stub_mark_lwip(void);
void test_lwip_assert_thread(void);
#define LWIP_NETIF_TX_SINGLE_PBUF 1
#define LWIP_HAVE_LOOPIF 1
#define LWIP_NETIF_LOOPBACK 1
#define LWIP_LOOPBACK_MAX_PBUFS 8
#define TCPIP_MBOX_SIZE 32
#define TCPIP_THREAD_NAME "tcpip"
#define TCPIP_THREAD_STACKSIZE 0
#define TCPIP_THREAD_PRIO 18
#define DEFAULT_THREAD_STACKSIZE 0
#define DEFAULT_THREAD_PRIO 5
#define DEFAULT_UDP_RECVMBOX_SIZE 6
/* 6 in ESP-IDF. lwIP 2.1.3 loses a FIN that comes when the mailbox is full; ESP-IDF's own lwIP keeps it. */
#define DEFAULT_TCP_RECVMBOX_SIZE 32
#define DEFAULT_ACCEPTMBOX_SIZE 6
#define DEFAULT_RAW_RECVMBOX_SIZE 6
#define LWIP_NETCONN 1
#define LWIP_NETCONN_SEM_PER_THREAD 1
#define LWIP_NETCONN_FULLDUPLEX 1
#define LWIP_NETCONN_THREAD_SEM_GET() sys_arch_thread_sem()
#define LWIP_NETCONN_THREAD_SEM_ALLOC()
#define LWIP_NETCONN_THREAD_SEM_FREE()
#define LWIP_SOCKET 1
#define LWIP_COMPAT_SOCKETS 0
#define LWIP_POSIX_SOCKETS_IO_NAMES 0
#define LWIP_SOCKET_OFFSET (FD_SETSIZE - TEST_SOCKETS)
#define LWIP_SO_SNDTIMEO 1
#define LWIP_SO_RCVTIMEO 1
#define LWIP_TCP_KEEPALIVE 1
#define LWIP_SO_LINGER 0
#define LWIP_SO_RCVBUF 0
#define SO_REUSE 1
#define LWIP_TIMEVAL_PRIVATE 0
#define LWIP_ERRNO_STDINCLUDE 1
#define LWIP_STATS 0
#define LWIP_CHECKSUM_ON_COPY 1

#endif
