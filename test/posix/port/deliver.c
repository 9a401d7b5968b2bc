/* deliver.c: values of JavaScript, and the one function of it that every delivery calls. */
#include "module.h"

napi_value number(double value) {
  napi_value result;
  napi_create_double(stub.env, value, &result);
  return result;
}

napi_value text_of(const char *text, size_t size) {
  napi_value result;
  napi_create_string_utf8(stub.env, text, size, &result);
  return result;
}

bool deliver(const char *what, int32_t handle, napi_value a, napi_value b) {
  napi_handle_scope scope;
  napi_open_handle_scope(stub.env, &scope);
  napi_value function, result, global;
  napi_get_reference_value(stub.env, stub.deliver, &function);
  napi_get_global(stub.env, &global);
  napi_value arguments[] = {text_of(what, NAPI_AUTO_LENGTH), number(handle), a, b};
  size_t count = a == NULL ? 2 : b == NULL ? 3 : 4;
  bool answer = false;
  stub.delivered++;
  if (napi_make_callback(stub.env, stub.context, global, function, count, arguments, &result) == napi_ok)
    napi_get_value_bool(stub.env, result, &answer);
  napi_close_handle_scope(stub.env, scope);
  return answer;
}

bool deliver_number(const char *what, int32_t handle, double value) {
  napi_handle_scope scope;
  napi_open_handle_scope(stub.env, &scope);
  bool answer = deliver(what, handle, number(value), NULL);
  napi_close_handle_scope(stub.env, scope);
  return answer;
}
