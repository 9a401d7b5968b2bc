# exports.cmake: the functions that the installed headers declare, as the list of what the shared library exports.
#
# A declaration begins in the first column and has its name in the first line; C++ overloads are indented.
set(exports "")
foreach(header ${twinwire_headers})
  file(STRINGS "${header}" lines REGEX "^[a-z][A-Za-z0-9_ ]*[ *]twc?_[a-z0-9_]+\\(")
  foreach(line ${lines})
    string(REGEX MATCH "twc?_[a-z0-9_]+\\(" name "${line}")
    string(REPLACE "(" "" name "${name}")
    list(APPEND exports ${name})
  endforeach()
endforeach()
list(REMOVE_DUPLICATES exports)
list(SORT exports)

if(APPLE)
  list(TRANSFORM exports PREPEND "_")
  string(REPLACE ";" "\n" exports "${exports}")
  file(GENERATE OUTPUT "${CMAKE_CURRENT_BINARY_DIR}/twinwire.exports" CONTENT "${exports}\n")
  set(twinwire_export_flag "-Wl,-exported_symbols_list,${CMAKE_CURRENT_BINARY_DIR}/twinwire.exports")
else()
  string(REPLACE ";" ";\n  " exports "${exports}")
  file(GENERATE OUTPUT "${CMAKE_CURRENT_BINARY_DIR}/twinwire.exports"
    CONTENT "{\nglobal:\n  ${exports};\nlocal:\n  *;\n};\n")
  set(twinwire_export_flag "-Wl,--version-script=${CMAKE_CURRENT_BINARY_DIR}/twinwire.exports")
endif()
