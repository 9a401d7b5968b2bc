/* bio.c: a BIO upon a socket, which unlike OpenSSL's own raises no SIGPIPE. */
#include <errno.h>
#include <sys/socket.h>

#include "tls/tls.h"

static int bio_fd(BIO *bio) { return (int)(intptr_t)BIO_get_data(bio); }

static int bio_result(BIO *bio, ssize_t result, int flag) {
  BIO_clear_retry_flags(bio);
  if (result < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR || errno == ENOBUFS))
    BIO_set_flags(bio, flag | BIO_FLAGS_SHOULD_RETRY);
  return (int)result;
}

static int bio_write(BIO *bio, const char *data, int size) {
  return bio_result(bio, send(bio_fd(bio), data, (size_t)size, MSG_NOSIGNAL), BIO_FLAGS_WRITE);
}

static int bio_read(BIO *bio, char *data, int size) {
  ssize_t got = recv(bio_fd(bio), data, (size_t)size, 0);
  if (got == 0)
    BIO_set_flags(bio, BIO_FLAGS_IN_EOF);
  return bio_result(bio, got, BIO_FLAGS_READ);
}

static long bio_ctrl(BIO *bio, int command, long number, void *pointer) {
  (void)number, (void)pointer;
  if (command == BIO_CTRL_EOF)
    return BIO_test_flags(bio, BIO_FLAGS_IN_EOF) != 0;
  return command == BIO_CTRL_FLUSH ? 1 : 0;
}

static _Thread_local BIO_METHOD *method;

BIO *tw_tls_bio(int fd) {
  if (method == NULL) {
    method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "twinwire socket");
    if (method == NULL)
      return NULL;
    BIO_meth_set_write(method, bio_write);
    BIO_meth_set_read(method, bio_read);
    BIO_meth_set_ctrl(method, bio_ctrl);
  }
  BIO *bio = BIO_new(method);
  if (bio != NULL) {
    BIO_set_data(bio, (void *)(intptr_t)fd);
    BIO_set_init(bio, 1);
  }
  return bio;
}

void tw_tls_bio_stop(void) {
  BIO_meth_free(method);
  method = NULL;
}
