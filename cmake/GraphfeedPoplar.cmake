# The Poplar SDK, and the adapter that is compiled against it.
#
# GRAPHFEED_WITH_POPLAR: AUTO takes the SDK if it is found, ON fails without it, OFF does not look.
# It is looked for where its enable.sh says, or in POPLAR_SDK_DIR (the folder that poplar-*/ and
# popart-*/ are in). Sets GRAPHFEED_POPLAR_FOUND.

set(GRAPHFEED_WITH_POPLAR AUTO CACHE STRING "Run PopEF models on the Poplar SDK: AUTO, ON or OFF")
set_property(CACHE GRAPHFEED_WITH_POPLAR PROPERTY STRINGS AUTO ON OFF)
set(POPLAR_SDK_DIR "$ENV{POPLAR_SDK_DIR}" CACHE PATH "Folder of the Poplar SDK")

set(GRAPHFEED_POPLAR_FOUND OFF)
if(NOT GRAPHFEED_WITH_POPLAR MATCHES "^(AUTO|ON|OFF)$")
  message(FATAL_ERROR "GRAPHFEED_WITH_POPLAR is AUTO, ON or OFF, not ${GRAPHFEED_WITH_POPLAR}")
endif()
if(NOT GRAPHFEED_WITH_POPLAR STREQUAL "OFF")
  set(poplar_hints ${POPLAR_SDK_DIR} $ENV{POPLAR_SDK_ENABLED} $ENV{POPLAR_DIR})
  if(POPLAR_SDK_DIR)
    file(GLOB poplar_folders ${POPLAR_SDK_DIR}/poplar* ${POPLAR_SDK_DIR}/popef*
         ${POPLAR_SDK_DIR}/popart*)
    list(APPEND poplar_hints ${poplar_folders})
  endif()
  find_package(poplar CONFIG QUIET HINTS ${poplar_hints})
  find_package(popef CONFIG QUIET HINTS ${poplar_hints})
  if(TARGET poplar AND TARGET popef)
    set(GRAPHFEED_POPLAR_FOUND ON)
    message(STATUS "Poplar SDK: poplar ${poplar_VERSION} in ${poplar_DIR}, popef in ${popef_DIR}")
  elseif(GRAPHFEED_WITH_POPLAR STREQUAL "ON")
    message(FATAL_ERROR "GRAPHFEED_WITH_POPLAR is ON and there is no Poplar SDK (poplar: "
            "${poplar_DIR}, popef: ${popef_DIR}): source its enable.sh, or set POPLAR_SDK_DIR")
  else()
    message(STATUS "Poplar SDK: not found (poplar: ${poplar_DIR}, popef: ${popef_DIR}); PopEF models "
            "cannot be run (GRAPHFEED_WITH_POPLAR, POPLAR_SDK_DIR)")
  endif()
endif()

# graphfeed_popef_library(name sdk ...): the adapter over an SDK as graphfeed::<name>. C++17, as
# the SDK's compilers know it.
function(graphfeed_popef_library name)
  set(sources popef_device.cc popef_errors.cc popef_executor.cc popef_loss.cc popef_model.cc
      popef_state.cc popef_streams.cc popef_watchdog.cc)
  list(TRANSFORM sources PREPEND ${PROJECT_SOURCE_DIR}/client/worker/)
  find_package(nlohmann_json CONFIG REQUIRED)
  add_library(graphfeed_${name} STATIC EXCLUDE_FROM_ALL ${sources})
  add_library(graphfeed::${name} ALIAS graphfeed_${name})
  set_target_properties(graphfeed_${name} PROPERTIES CXX_STANDARD 17)
  target_include_directories(graphfeed_${name} PUBLIC ${PROJECT_SOURCE_DIR})
  target_link_libraries(graphfeed_${name} PUBLIC graphfeed::executor absl::time
    PRIVATE ${ARGN} graphfeed::base nlohmann_json::nlohmann_json Threads::Threads
            graphfeed_warnings)
endfunction()
