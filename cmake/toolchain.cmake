# Compiler launcher, linker, warnings and sanitizers for our own targets.

find_program(RLHF_CCACHE ccache)
if(RLHF_CCACHE)
  # Precompiled headers hit the cache only when their time stamps and defines are not hashed.
  set(CMAKE_CXX_COMPILER_LAUNCHER
      ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime
      ${RLHF_CCACHE})
endif()

find_program(RLHF_MOLD mold)
if(RLHF_MOLD)
  add_link_options(-fuse-ld=mold)
endif()

set(CMAKE_CXX_FLAGS_RELEASE "-O2 -DNDEBUG")
set(CMAKE_CXX_FLAGS_DEBUG "-O1 -g1")

add_library(rlhf_warnings INTERFACE)
target_compile_options(rlhf_warnings INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror)
# GCC 12 reports false positives of these inside std::string and std::vector at -O2.
target_compile_options(rlhf_warnings INTERFACE $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict -Wno-dangling-pointer>)

if(RLHF_SANITIZE)
  add_compile_options(-fsanitize=${RLHF_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${RLHF_SANITIZE})
  # What instrumentation adds confuses this warning (its own documentation says so); the release build has it.
  target_compile_options(rlhf_warnings INTERFACE $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>)
endif()
