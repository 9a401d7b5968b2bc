# component.cmake: twinwire as a component of ESP-IDF. Included by the component's CMakeLists.txt: this folder's, or the
# one at the root of a checkout. It sets
#   TWINWIRE_BASE   the component's folder
#   TWINWIRE_ESP32  this folder, and
#   TWINWIRE_ROOT   the one that has core-c/ and c/, both as prefixes relative to TWINWIRE_BASE: "" or ending with "/"
#   TWINWIRE_MORE   more arguments of idf_component_register
# ESP-IDF includes it twice, the first time as a script that asks for the requirements: nothing here may need a project.
set(sources "")
foreach(name port_lwip socket_lwip serve_lwip loop_lwip wake network lookup task calls event)
  list(APPEND sources "${name}.c")
endforeach()

if("${IDF_TARGET}" STREQUAL "linux")
  list(APPEND sources "clock_linux.c")
else()
  list(APPEND sources "clock_esp.c")
endif()

if(CONFIG_LWIP_IPV6)
  list(APPEND sources "address_v46.c")
else()
  list(APPEND sources "address_v4.c")
endif()

if(CONFIG_TWINWIRE_TLS)
  list(APPEND sources "tls_esp.c" "tls_hook.c")
  if("${IDF_VERSION_MAJOR}.${IDF_VERSION_MINOR}" VERSION_LESS 5.5)
    list(APPEND sources "tls_server_none.c")
  else()
    list(APPEND sources "tls_server_esp.c")
  endif()
  if(CONFIG_TWINWIRE_TLS_RESUME)
    list(APPEND sources "resume.c")
  else()
    list(APPEND sources "resume_none.c")
  endif()
  if(CONFIG_MBEDTLS_CERTIFICATE_BUNDLE AND NOT CONFIG_MBEDTLS_DYNAMIC_FREE_CA_CERT)
    list(APPEND sources "authorities_parsed.c")
  else()
    list(APPEND sources "authorities_text.c")
  endif()
  if(CONFIG_TWINWIRE_TLS_BUNDLE)
    list(APPEND sources "trust_bundle.c")
  else()
    list(APPEND sources "trust_none.c")
  endif()
else()
  list(APPEND sources "tls_none.c")
endif()

if(CONFIG_TWINWIRE_MEMORY_PSRAM)
  list(APPEND sources "memory_psram.c")
elseif(CONFIG_TWINWIRE_MEMORY_STATIC)
  list(APPEND sources "memory_static.c")
else()
  list(APPEND sources "memory_internal.c")
endif()

if(CONFIG_TWINWIRE_HEAP)
  list(APPEND sources "heap.c")
else()
  list(APPEND sources "heap_none.c")
endif()

if(CONFIG_TWINWIRE_DEFLATE)
  list(APPEND sources "deflate_miniz.c")
else()
  list(APPEND sources "deflate_none.c")
endif()
list(TRANSFORM sources PREPEND "${TWINWIRE_ESP32}")

set(core "${TWINWIRE_ROOT}core-c")
set(c "${TWINWIRE_ROOT}c")
file(GLOB found RELATIVE "${TWINWIRE_BASE}"
  "${TWINWIRE_BASE}/${core}/src/*.c" "${TWINWIRE_BASE}/${core}/proto/*/*.c" "${TWINWIRE_BASE}/${c}/src/*.c")
# What small/ has, too, is there in less code.
file(GLOB small RELATIVE "${TWINWIRE_BASE}/${core}/small" "${TWINWIRE_BASE}/${core}/small/*.c")
foreach(name ${small})
  list(FILTER found EXCLUDE REGEX "/src/${name}$")
  list(APPEND found "${core}/small/${name}")
endforeach()

idf_component_register(
  SRCS ${sources} ${found}
  INCLUDE_DIRS "${TWINWIRE_ESP32}include" "${core}/include" "${c}/include"
  PRIV_INCLUDE_DIRS "${TWINWIRE_ESP32}." "${core}" "${c}/src"
  REQUIRES esp_event esp_netif esp-tls
  PRIV_REQUIRES lwip esp_timer mbedtls
  ${TWINWIRE_MORE})

# Functions save and restore registers by routines of the compiler's library: about 4 % less code (docs/size.md).
if(CONFIG_IDF_TARGET_ARCH_RISCV)
  target_compile_options(${COMPONENT_LIB} PRIVATE -msave-restore)
endif()
target_compile_options(${COMPONENT_LIB} PRIVATE -Wall -Wextra -Wshadow)
