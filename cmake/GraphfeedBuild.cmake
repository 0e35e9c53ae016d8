# Options and helpers of the build. One static library per folder: graphfeed::<name>.

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
# One flag for libraries and programs alike (not -fPIC here and -fPIE there), so that they share
# precompiled headers.
set(CMAKE_POSITION_INDEPENDENT_CODE OFF)
add_compile_options(-fPIC)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

option(GRAPHFEED_GRPC "Build what needs gRPC (server, clients); off for the libraries alone" ON)
option(GRAPHFEED_FUZZ "Build the fuzz targets (clang)" OFF)
option(GRAPHFEED_BENCHMARKS "Build the benchmarks, with the tests" ON)
option(GRAPHFEED_PRECOMPILE "Precompile headers; off shows which files lack an include" ON)
option(GRAPHFEED_UNITY "Compile several sources of a target at once; off shows what leaks between them" ON)
set(GRAPHFEED_SANITIZE "" CACHE STRING "Sanitizers, as -fsanitize takes them")

# Headers cost more than sources do. Sources compiled together share names in anonymous namespaces:
# a clash is a compile error, and mostly a twin that wants one home.
set(CMAKE_UNITY_BUILD ${GRAPHFEED_UNITY})
set(CMAKE_UNITY_BUILD_BATCH_SIZE 6)
if(GRAPHFEED_UNITY AND NOT CMAKE_CXX_COMPILER_ID MATCHES "Clang")
  add_compile_options(-Wno-subobject-linkage)  # gcc takes the sources for headers
endif()

find_program(CCACHE_PROGRAM ccache)
if(CCACHE_PROGRAM)
  set(CMAKE_C_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_BASEDIR=${CMAKE_SOURCE_DIR}
      CCACHE_NOHASHDIR=1
      CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime ${CCACHE_PROGRAM})
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

# graphfeed_headers(name header ... [DEPENDS targets ...]): a set of precompiled headers for
# graphfeed_precompile. <header> or "header" as it is included.
function(graphfeed_headers name)
  cmake_parse_arguments(ARG "" "" "DEPENDS" ${ARGN})
  set(source ${CMAKE_BINARY_DIR}/headers/${name}.cc)
  if(NOT EXISTS ${source})
    file(WRITE ${source} "")
  endif()
  add_library(graphfeed_headers_${name} OBJECT EXCLUDE_FROM_ALL ${source})
  target_link_libraries(graphfeed_headers_${name} PRIVATE ${ARG_DEPENDS} graphfeed_warnings)
  target_precompile_headers(graphfeed_headers_${name} PRIVATE ${ARG_UNPARSED_ARGUMENTS})
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    target_compile_options(graphfeed_headers_${name} PRIVATE -fpch-preprocess)
  endif()
endfunction()

# graphfeed_precompile(target name): `target` is compiled with that set of headers. Its sources
# include what they use all the same. A source with options of its own takes SKIP_PRECOMPILE_HEADERS:
# gcc 12 can crash where optimisation differs from that of the headers.
function(graphfeed_precompile target name)
  if(NOT GRAPHFEED_PRECOMPILE)
    return()
  endif()
  target_precompile_headers(${target} REUSE_FROM graphfeed_headers_${name})
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    target_compile_options(${target} PRIVATE -fpch-preprocess)
  endif()
endfunction()

set(graphfeed_std_headers <algorithm> <cstdint> <functional> <map> <memory> <optional> <string> <utility>
    <vector> <absl/status/statusor.h> <absl/strings/str_cat.h> <absl/types/span.h>)

# graphfeed_library(name SOURCES a.cc ... [DEPENDS targets ...] [PRIVATE_DEPENDS targets ...]
#                   [HEADERS set]): HEADERS are those that it is compiled with, "std" by default.
function(graphfeed_library name)
  cmake_parse_arguments(ARG "" "HEADERS" "SOURCES;DEPENDS;PRIVATE_DEPENDS" ${ARGN})
  add_library(graphfeed_${name} STATIC ${ARG_SOURCES})
  add_library(graphfeed::${name} ALIAS graphfeed_${name})
  target_include_directories(graphfeed_${name} PUBLIC ${PROJECT_SOURCE_DIR})
  target_link_libraries(graphfeed_${name} PUBLIC ${ARG_DEPENDS}
                        PRIVATE ${ARG_PRIVATE_DEPENDS} graphfeed_warnings)
  if(NOT ARG_HEADERS)
    set(ARG_HEADERS std)
  endif()
  graphfeed_precompile(graphfeed_${name} ${ARG_HEADERS})
endfunction()

# The environment of tests in C++.
set(GRAPHFEED_SANITIZER_OPTIONS
    "ASAN_OPTIONS=detect_stack_use_after_return=1"
    "LSAN_OPTIONS=suppressions=${PROJECT_SOURCE_DIR}/tests/support/lsan.supp"
    "UBSAN_OPTIONS=print_stacktrace=1"
    "TSAN_OPTIONS=ignore_noninstrumented_modules=1 suppressions=${PROJECT_SOURCE_DIR}/tests/support/tsan.supp")

# graphfeed_test(name SOURCES a_test.cc ... [DEPENDS targets ...] [LABELS ...]): one binary, one
# ctest entry.
function(graphfeed_test name)
  cmake_parse_arguments(ARG "" "TIMEOUT" "SOURCES;DEPENDS;LABELS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR})
  target_link_libraries(${name} PRIVATE ${ARG_DEPENDS} GTest::gmock GTest::gtest_main
                        graphfeed_warnings)
  graphfeed_precompile(${name} test)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # gcc 12 sees overruns inside std::string where there are none, and reports them where the
    # library's headers are precompiled.
    target_compile_options(${name} PRIVATE -Wno-array-bounds -Wno-restrict -Wno-stringop-overflow
                           -Wno-stringop-overread)
  endif()
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 300)
  endif()
  add_test(NAME ${name} COMMAND ${name})
  set_tests_properties(${name} PROPERTIES TIMEOUT ${ARG_TIMEOUT} LABELS "${ARG_LABELS}"
                       ENVIRONMENT "${GRAPHFEED_SANITIZER_OPTIONS}")
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
