# early.cmake: the first of ESP-IDF's two passes over a component, as its component_get_requirements.cmake makes it: the
# CMakeLists.txt is included by a script, in which idf_component_register is a macro that returns.
#
#   cmake -D ESP_PLATFORM=1 -D COMPONENT=folder -P early.cmake
set(IDF_VERSION_MAJOR 5)
set(IDF_VERSION_MINOR 1)

macro(idf_component_register)
  cmake_parse_arguments(it "WHOLE_ARCHIVE" "KCONFIG;KCONFIG_PROJBUILD" "SRCS;INCLUDE_DIRS;PRIV_INCLUDE_DIRS;REQUIRES;PRIV_REQUIRES" "${ARGN}")
  message(STATUS "requires: ${it_REQUIRES};${it_PRIV_REQUIRES}")
  message(STATUS "kconfig: ${it_KCONFIG}")
  set(registered 1)
  return()
endmacro()

function(include_component)
  include("${COMPONENT}/CMakeLists.txt")
  set(registered "${registered}" PARENT_SCOPE)
endfunction()

include_component()
if(NOT registered)
  message(FATAL_ERROR "${COMPONENT} does not register a component")
endif()
