# graphfeed_python_environment(variable): what Python needs to find the built package and programs.
function(graphfeed_python_environment variable)
  set(environment
      "PYTHONPATH=${CMAKE_BINARY_DIR}/python"
      "PYTHONDONTWRITEBYTECODE=1"
      "GRAPHFEED_SERVER=${CMAKE_BINARY_DIR}/bin/graphfeed-server"
      "GRAPHFEED_CLI=${CMAKE_BINARY_DIR}/bin/graphfeed")
  if(GRAPHFEED_SANITIZE)
    # Python itself is not instrumented: the runtime has to be there before the module is loaded,
    # and what the interpreter leaks is not ours.
    foreach(runtime asan ubsan)
      execute_process(COMMAND ${CMAKE_CXX_COMPILER} -print-file-name=lib${runtime}.so
                      OUTPUT_VARIABLE path OUTPUT_STRIP_TRAILING_WHITESPACE)
      if(GRAPHFEED_SANITIZE MATCHES "address" AND IS_ABSOLUTE "${path}")
        list(APPEND preload ${path})
      endif()
    endforeach()
    list(JOIN preload " " preload)
    list(APPEND environment "LD_PRELOAD=${preload}" "ASAN_OPTIONS=detect_leaks=0"
         "LSAN_OPTIONS=suppressions=${PROJECT_SOURCE_DIR}/tests/support/lsan.supp"
         "UBSAN_OPTIONS=print_stacktrace=1")
  endif()
  set(${variable} "${environment}" PARENT_SCOPE)
endfunction()

# graphfeed_pytest(name folder [TIMEOUT seconds] [ENVIRONMENT name=value ...]): the folder's Python
# tests as one ctest entry, with the built package and programs at hand.
function(graphfeed_pytest name folder)
  cmake_parse_arguments(ARG "" "TIMEOUT" "ENVIRONMENT" ${ARGN})
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 300)
  endif()
  graphfeed_python_environment(environment)
  add_test(NAME ${name}
           COMMAND ${Python3_EXECUTABLE} -m pytest -q -p no:cacheprovider ${folder}
           WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
  set_tests_properties(${name} PROPERTIES TIMEOUT ${ARG_TIMEOUT}
                       ENVIRONMENT "${environment};${ARG_ENVIRONMENT}")
endfunction()
