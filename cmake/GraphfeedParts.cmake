# Parts that need packages which not everybody has: AUTO builds a part if they are there, ON is an
# error without them, OFF leaves it out. The end of the configuration tells what is left out.

set_property(GLOBAL PROPERTY GRAPHFEED_LEFT_OUT "")

# graphfeed_part(variable "what it is" section): the option, and before it is looked for whether to.
# `section` is the one of docker/debian-packages.txt that has what it needs.
function(graphfeed_part variable what section)
  set(${variable} AUTO CACHE STRING "${what}: AUTO, ON or OFF")
  set_property(CACHE ${variable} PROPERTY STRINGS AUTO ON OFF)
  if(NOT ${variable} MATCHES "^(AUTO|ON|OFF)$")
    message(FATAL_ERROR "${variable} is AUTO, ON or OFF, not \"${${variable}}\"")
  endif()
  set_property(GLOBAL PROPERTY ${variable}_WHAT "${what}")
  set_property(GLOBAL PROPERTY ${variable}_SECTION "${section}")
endfunction()

# graphfeed_part_missing(variable missing ...): decides a part by the names of what it lacks (none: it
# is built), and sets ${variable}_FOUND.
function(graphfeed_part_missing variable)
  get_property(what GLOBAL PROPERTY ${variable}_WHAT)
  get_property(section GLOBAL PROPERTY ${variable}_SECTION)
  if(${variable} STREQUAL "OFF")
    set_property(GLOBAL APPEND PROPERTY GRAPHFEED_LEFT_OUT
                 "LEFT OUT: ${what} (${variable} is OFF)")
    set(${variable}_FOUND OFF PARENT_SCOPE)
    return()
  endif()
  if(NOT ARGN)
    set(${variable}_FOUND ON PARENT_SCOPE)
    return()
  endif()
  list(JOIN ARGN ", " missing)
  set(cure "./run install ${section}")
  if(${variable} STREQUAL "ON")
    message(FATAL_ERROR "${variable} is ON and there is no ${missing}: ${cure}")
  endif()
  set_property(GLOBAL APPEND PROPERTY GRAPHFEED_LEFT_OUT
               "LEFT OUT: ${what} (no ${missing}: ${cure})")
  set(${variable}_FOUND OFF PARENT_SCOPE)
endfunction()

# graphfeed_python_modules_missing(variable module ...): those that the interpreter does not find.
function(graphfeed_python_modules_missing variable)
  execute_process(
    COMMAND ${Python3_EXECUTABLE} -c
            "import importlib.util, sys; print(';'.join(m for m in sys.argv[1:] if not importlib.util.find_spec(m)), end='')"
            ${ARGN}
    OUTPUT_VARIABLE missing COMMAND_ERROR_IS_FATAL ANY)
  list(TRANSFORM missing PREPEND "Python module ")
  set(${variable} "${missing}" PARENT_SCOPE)
endfunction()

function(graphfeed_tell_left_out)
  get_property(lines GLOBAL PROPERTY GRAPHFEED_LEFT_OUT)
  foreach(line ${lines})
    message(NOTICE "${line}")
  endforeach()
endfunction()
