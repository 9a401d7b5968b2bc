/* errors.c: the error table for what the system reports. */
#include <errno.h>
#include <netdb.h>

#include "posix.h"

int32_t tw_posix_error(int number) {
  tw_host.last_errno = number;
  switch (number) {
  case ECONNREFUSED:
    return TW_ERR_REFUSED;
  case ECONNRESET:
  case EPIPE:
  case ECONNABORTED:
    return TW_ERR_RESET;
  case ENETUNREACH:
  case EHOSTUNREACH:
  case EAFNOSUPPORT:
    return TW_ERR_UNREACHABLE;
  case ENETDOWN:
    return TW_ERR_NETWORK_DOWN;
  case ETIMEDOUT:
    return TW_ERR_TIMEOUT;
  case EADDRINUSE:
    return TW_ERR_IN_USE;
  case EACCES:
  case EPERM:
    return TW_ERR_ACCESS;
  case ENOENT:
    return TW_ERR_NOT_FOUND;
  case EMFILE:
  case ENFILE:
    return TW_ERR_DESCRIPTORS;
  case EMSGSIZE:
    return TW_ERR_TOO_LARGE;
  default:
    return TW_ERR_HOST;
  }
}

int32_t tw_posix_lookup_error(int number, int system) {
  switch (number) {
  case EAI_NONAME:
#if defined(EAI_NODATA) && EAI_NODATA != EAI_NONAME
  case EAI_NODATA:
#endif
    return TW_ERR_NAME_NOT_FOUND;
  case EAI_SYSTEM:
    tw_host.last_errno = system;
    return TW_ERR_NAME_FAILED;
  default:
    return TW_ERR_NAME_FAILED;
  }
}
