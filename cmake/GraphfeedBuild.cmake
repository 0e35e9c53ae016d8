# Options and helpers of the build. One static library per folder: graphfeed::<name>.

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

option(GRAPHFEED_TESTS "Build the tests" ON)
option(GRAPHFEED_GRPC "Build what needs gRPC (server, clients); off for the libraries alone" ON)
option(GRAPHFEED_FUZZ "Build the fuzz targets (clang)" OFF)
option(GRAPHFEED_BENCHMARKS "Build the benchmarks" ON)
set(GRAPHFEED_SANITIZE "" CACHE STRING "Sanitizers, as -fsanitize takes them")

find_program(CCACHE_PROGRAM ccache)
if(CCACHE_PROGRAM)
  set(CMAKE_C_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_BASEDIR=${CMAKE_SOURCE_DIR}
      CCACHE_NOHASHDIR=1 ${CCACHE_PROGRAM})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_C_COMPILER_LAUNCHER})
endif()

if(GRAPHFEED_SANITIZE)
  add_compile_options(-fsanitize=${GRAPHFEED_SANITIZE} -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${GRAPHFEED_SANITIZE})
  if(GRAPHFEED_SANITIZE MATCHES "undefined")
    add_compile_options(-fno-sanitize-recover=undefined)
  endif()
endif()

# Warnings are errors in our code; generated code and libraries are SYSTEM.
add_library(graphfeed_warnings INTERFACE)
target_compile_options(graphfeed_warnings INTERFACE -Wall -Wextra -Wshadow -Wnon-virtual-dtor
                       -Woverloaded-virtual -Werror)
if(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
  target_compile_options(graphfeed_warnings INTERFACE -Wthread-safety)
endif()

# graphfeed_library(name SOURCES a.cc ... [DEPENDS targets ...] [PRIVATE_DEPENDS targets ...])
function(graphfeed_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPENDS;PRIVATE_DEPENDS" ${ARGN})
  add_library(graphfeed_${name} STATIC ${ARG_SOURCES})
  add_library(graphfeed::${name} ALIAS graphfeed_${name})
  target_include_directories(graphfeed_${name} PUBLIC ${PROJECT_SOURCE_DIR})
  target_link_libraries(graphfeed_${name} PUBLIC ${ARG_DEPENDS}
                        PRIVATE ${ARG_PRIVATE_DEPENDS} graphfeed_warnings)
endfunction()

# graphfeed_test(name SOURCES a_test.cc ... [DEPENDS targets ...] [LABELS ...]): one binary, one
# ctest entry.
function(graphfeed_test name)
  cmake_parse_arguments(ARG "" "TIMEOUT" "SOURCES;DEPENDS;LABELS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR})
  target_link_libraries(${name} PRIVATE ${ARG_DEPENDS} GTest::gmock GTest::gtest_main
                        graphfeed_warnings)
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 300)
  endif()
  add_test(NAME ${name} COMMAND ${name})
  set_tests_properties(${name} PROPERTIES TIMEOUT ${ARG_TIMEOUT} LABELS "${ARG_LABELS}"
    ENVIRONMENT "ASAN_OPTIONS=detect_stack_use_after_return=1;LSAN_OPTIONS=suppressions=${PROJECT_SOURCE_DIR}/tests/support/lsan.supp;UBSAN_OPTIONS=print_stacktrace=1;TSAN_OPTIONS=ignore_noninstrumented_modules=1 suppressions=${PROJECT_SOURCE_DIR}/tests/support/tsan.supp")
endfunction()

# All fuzz targets, and nothing else.
add_custom_target(fuzzers)

# graphfeed_fuzzer(name SOURCES ... DEPENDS ...): a libFuzzer binary in the fuzz preset; in the
# others a test that replays the corpus in tests/fuzz/corpus/<name>.
function(graphfeed_fuzzer name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPENDS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  add_dependencies(fuzzers ${name})
  target_link_libraries(${name} PRIVATE ${ARG_DEPENDS} graphfeed_warnings)
  if(GRAPHFEED_FUZZ)
    target_link_options(${name} PRIVATE -fsanitize=fuzzer)
  else()
    target_sources(${name} PRIVATE ${PROJECT_SOURCE_DIR}/tests/fuzz/replay_main.cc)
    add_test(NAME ${name}_replay
             COMMAND ${name} ${PROJECT_SOURCE_DIR}/tests/fuzz/corpus/${name})
  endif()
endfunction()
