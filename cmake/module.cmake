# One helper to declare a module: a static library named after its folder, whose link list is its place in the
# ladder. Modules that link rlhf_torch share one precompiled torch header.

#   rlhf_module(NAME [TORCH] SOURCES file... [DEPENDS module...] [PRIVATE_DEPENDS library...])
function(rlhf_module name)
  cmake_parse_arguments(M "TORCH" "" "SOURCES;DEPENDS;PRIVATE_DEPENDS" ${ARGN})
  add_library(${name} STATIC ${M_SOURCES})
  target_include_directories(${name} PUBLIC ${PROJECT_SOURCE_DIR} ${PROJECT_BINARY_DIR})
  target_link_libraries(${name} PUBLIC ${M_DEPENDS} PRIVATE ${M_PRIVATE_DEPENDS} rlhf_warnings)
  if(M_TORCH)
    target_link_libraries(${name} PUBLIC rlhf_torch)
    rlhf_use_torch_pch(${name})
  endif()
endfunction()

# The parts of <torch/torch.h> that the project uses (half its weight), precompiled once and reused by every target
# that links rlhf_torch.
function(rlhf_use_torch_pch target)
  if(NOT TARGET rlhf_torch_pch)
    file(WRITE ${PROJECT_BINARY_DIR}/torch_pch.cpp "")
    add_library(rlhf_torch_pch OBJECT ${PROJECT_BINARY_DIR}/torch_pch.cpp)
    target_link_libraries(rlhf_torch_pch PRIVATE rlhf_torch rlhf_warnings)
    target_precompile_headers(rlhf_torch_pch PRIVATE <torch/types.h> <torch/utils.h> <torch/autograd.h> <torch/cuda.h>)
    target_compile_options(rlhf_torch_pch PRIVATE -fpch-preprocess)
  endif()
  target_compile_options(${target} PRIVATE -fpch-preprocess)
  target_precompile_headers(${target} REUSE_FROM rlhf_torch_pch)
endfunction()

#   rlhf_test(MODULE [TORCH] SOURCES file... [DEPENDS library...])   one test binary per module
function(rlhf_test module)
  cmake_parse_arguments(T "TORCH" "" "SOURCES;DEPENDS" ${ARGN})
  set(name ${module}_test)
  add_executable(${name} ${T_SOURCES})
  target_link_libraries(${name} PRIVATE ${module} ${T_DEPENDS} test_support rlhf_warnings)
  if(T_TORCH)
    rlhf_use_torch_pch(${name})
  endif()
  add_test(NAME ${module} COMMAND ${name} WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
  set_tests_properties(${module} PROPERTIES SKIP_RETURN_CODE 77)
endfunction()

#   rlhf_embed(HEADER NAME=FILE...)   files as string constants that HEADER, of this folder, declares; gives ${embedded_parts}
function(rlhf_embed header)
  set(parts ${CMAKE_CURRENT_BINARY_DIR}/embedded_parts.cpp)
  string(REGEX REPLACE "[^;=]+=" "" files "${ARGN}")
  string(REPLACE ";" "," list "${ARGN}")
  add_custom_command(OUTPUT ${parts}
    COMMAND ${CMAKE_COMMAND} -DOUTPUT=${parts} -DHEADER=${header} "-DPARTS=${list}"
      -P ${PROJECT_SOURCE_DIR}/cmake/embed.cmake
    WORKING_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR}
    DEPENDS ${PROJECT_SOURCE_DIR}/cmake/embed.cmake ${files}
    COMMENT "Embedding the parts of ${header}" VERBATIM)
  set(embedded_parts ${parts} PARENT_SCOPE)
endfunction()

# The build fails when a file includes a header that its folder does not link to.
function(rlhf_check_layering)
  find_package(Python3 REQUIRED COMPONENTS Interpreter)
  add_custom_target(layering ALL
    COMMAND ${Python3_EXECUTABLE} ${PROJECT_SOURCE_DIR}/cmake/check_layering.py ${PROJECT_SOURCE_DIR}
    COMMENT "Checking that includes follow the ladder" VERBATIM)
endfunction()
