/* web_url.c: URLs of HTTP (RFC 3986), and what a redirect points to. */
#include <stdlib.h>
#include <string.h>

#include "wait.h"
#include "web.h"

enum { PORT = 80, SECURE_PORT = 443 };

static int hex(char digit) {
  if (digit >= '0' && digit <= '9')
    return digit - '0';
  if ((digit | 32) >= 'a' && (digit | 32) <= 'f')
    return (digit | 32) - 'a' + 10;
  return -1;
}

bool tw_web_decode(const char *text, size_t size, char *to, size_t capacity) {
  size_t at = 0;
  for (size_t i = 0; i < size; i++) {
    char byte = text[i];
    if (byte == '%') {
      if (i + 2 >= size || hex(text[i + 1]) < 0 || hex(text[i + 2]) < 0)
        return false;
      byte = (char)(hex(text[i + 1]) * 16 + hex(text[i + 2]));
      i += 2;
    }
    if (at + 1 >= capacity || byte == 0)
      return false;
    to[at++] = byte;
  }
  to[at] = 0;
  return true;
}

static bool begins(const char *text, const char *with) {
  while (*with != 0)
    if ((*text++ | 32) != (*with++ | 32))
      return false;
  return true;
}

static bool is_clean(const char *text) {
  for (; *text != 0; text++)
    if ((unsigned char)*text <= 0x20 || (unsigned char)*text >= 0x7f)
      return false;
  return true;
}

/* A host name or the inside of brackets: what may stand in a Host field. */
static bool is_host(const char *text) {
  for (; *text != 0; text++)
    if (strchr("\"<>\\^`{|}#?/@[]", *text) != NULL)
      return false;
  return true;
}

static int32_t parse_authority(const char *text, size_t size, tw_web_url *url) {
  char name[TW_MAX_HOST + 10];
  for (size_t at = size; at-- > 0;)
    if (text[at] == '@') {
      if (!tw_web_decode(text, at, url->credentials, sizeof url->credentials))
        return TW_ERR_URL;
      text += at + 1;
      size -= at + 1;
      break;
    }
  if (size == 0 || size + sizeof ":443" > sizeof name)
    return TW_ERR_URL;
  memcpy(name, text, size);
  name[size] = 0;
  memcpy(url->authority, name, size + 1);
  bool has_port = name[0] == '[' ? name[size - 1] != ']' : strchr(name, ':') != NULL;
  if (has_port && name[size - 1] == ':') { /* an empty port is the default one */
    has_port = false;
    url->authority[size - 1] = name[size - 1] = 0;
  }
  if (!has_port)
    strcat(name, url->secure ? ":443" : ":80");
  tw_host_port at;
  int32_t error = tw_address_split(name, &at);
  if (error != 0 || at.port == 0)
    return error == TW_ERR_ARGUMENT ? TW_ERR_URL : TW_ERR_PORT;
  if (at.host[0] == 0 || !is_host(at.host))
    return TW_ERR_URL;
  memcpy(url->host, at.host, sizeof url->host);
  url->port = at.port;
  if (has_port && at.port == (url->secure ? SECURE_PORT : PORT))
    *strrchr(url->authority, ':') = 0;
  return 0;
}

int32_t tw_web_url_parse(const char *text, tw_web_url *url) {
  url->credentials[0] = 0;
  url->secure = begins(text, "https://");
  if ((!url->secure && !begins(text, "http://")) || !is_clean(text))
    return TW_ERR_URL;
  text += url->secure ? sizeof "https://" - 1 : sizeof "http://" - 1;
  size_t size = strcspn(text, "/?#");
  int32_t error = parse_authority(text, size, url);
  if (error != 0)
    return error;
  text += size;
  size = strcspn(text, "#");
  bool rooted = text[0] == '/';
  if (size + 2 > sizeof url->target)
    return TW_ERR_URL;
  url->target[0] = '/';
  memcpy(url->target + (rooted ? 0 : 1), text, size);
  url->target[size + (rooted ? 0 : 1)] = 0;
  return 0;
}

bool tw_web_proxy(const char *text, tw_web_url *url) {
  return tw_web_url_parse(text, url) == 0 && !url->secure && strcmp(url->target, "/") == 0;
}

bool tw_web_same_origin(const tw_web_url *a, const tw_web_url *b) {
  return a->secure == b->secure && a->port == b->port && tw_web_same_name(a->host, b->host);
}

/* RFC 3986 5.2.4, in place, of a path that begins with "/". */
static void remove_dots(char *path) {
  char *to = path;
  size_t size = strcspn(path, "?");
  char *end = path + size;
  for (char *from = path; from < end;) {
    char *next = from + 1;
    while (next < end && *next != '/')
      next++;
    size_t length = (size_t)(next - from);
    bool last = next == end;
    if (length == 2 && from[1] == '.') {
      if (last)
        *to++ = '/';
    } else if (length == 3 && from[1] == '.' && from[2] == '.') {
      while (to > path && *--to != '/')
        ;
      if (last)
        *to++ = '/';
    } else {
      memmove(to, from, length);
      to += length;
    }
    from = next;
  }
  memmove(to, end, strlen(end) + 1);
}

int32_t tw_web_resolve(const tw_web_url *base, const char *location, char *to) {
  char path[TW_WEB_MAX_URL] = "";
  const char *scheme = base->secure ? "https:" : "http:";
  if (strlen(location) + strlen(base->target) + TW_MAX_HOST + 32 > TW_WEB_MAX_URL || !is_clean(location))
    return TW_ERR_REDIRECT;
  if (begins(location, "http://") || begins(location, "https://")) {
    strcpy(to, location);
    return 0;
  }
  to[0] = 0;
  if (location[0] == '/' && location[1] == '/') {
    strcat(strcat(to, scheme), location);
    return 0;
  }
  size_t colon = strcspn(location, ":/?#");
  if (location[colon] == ':')
    return TW_ERR_REDIRECT; /* another scheme */
  if (location[0] == '/') {
    strcpy(path, location);
  } else {
    size_t keep = strcspn(base->target, "?");
    if (location[0] != '?' && location[0] != 0 && location[0] != '#')
      while (keep > 0 && base->target[keep - 1] != '/')
        keep--;
    memcpy(path, base->target, keep);
    strcpy(path + keep, location);
  }
  path[strcspn(path, "#")] = 0;
  remove_dots(path);
  strcat(strcat(strcat(strcat(to, scheme), "//"), base->authority), path);
  return 0;
}
