#pragma once
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <torch/types.h>

#include "model/named_tensor.h"

namespace rlhf {

/// A safetensors file (https://github.com/huggingface/safetensors), mapped or in memory. Everything the
/// header says is checked before anything is allocated: sizes, overflows, overlaps, holes, duplicates,
/// trailing bytes.
class SafetensorsFile {
 public:
  /// UserError naming the file and what is wrong with it.
  static SafetensorsFile open(const std::filesystem::path& path);
  static SafetensorsFile from_bytes(std::shared_ptr<const std::string> bytes, const std::string& where);

  bool has(const std::string& name) const;
  std::vector<std::string> names() const;
  /// A view of the stored bytes that keeps the file alive; unaligned tensors are copied.
  torch::Tensor tensor(const std::string& name) const;
  const std::map<std::string, std::string>& metadata() const;

 private:
  struct Contents;
  std::shared_ptr<const Contents> contents_;
};

/// Writes tensors (any device, made contiguous) with {"format":"pt"} in the metadata, sorted as the reference
/// writer does. WorldError when the disk fails.
void write_safetensors(const std::filesystem::path& path, const std::vector<NamedTensor>& tensors,
                       const std::map<std::string, std::string>& metadata = {});
std::string safetensors_bytes(const std::vector<NamedTensor>& tensors,
                              const std::map<std::string, std::string>& metadata = {});

}  // namespace rlhf
