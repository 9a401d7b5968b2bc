/* host.c: a Lua that has the module built in, for the tests: sanitizers want the whole program. host FOLDER SCRIPT
 * ARGUMENT... */
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <stdio.h>

int luaopen_twinwire(lua_State *L);

int main(int argc, char **argv) {
  if (argc < 3)
    return 2;
  lua_State *L = luaL_newstate();
  luaL_openlibs(L);
  luaL_requiref(L, "twinwire", luaopen_twinwire, 0);
  lua_getglobal(L, "package");
  lua_pushfstring(L, "%s/?.lua", argv[1]);
  lua_setfield(L, -2, "path");
  lua_newtable(L);
  for (int i = 2; i < argc; i++) {
    lua_pushstring(L, argv[i]);
    lua_rawseti(L, -2, i - 2);
  }
  lua_setglobal(L, "arg");
  if (luaL_dofile(L, argv[2]) != LUA_OK) {
    fprintf(stderr, "%s\n", lua_tostring(L, -1));
    return 1;
  }
  return 0; /* threads of handlers may still run Lua: the state is left to the system */
}
