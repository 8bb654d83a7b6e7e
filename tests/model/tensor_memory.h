#pragma once
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <mutex>
#include <new>
#include <unordered_map>

#include <c10/core/CPUAllocator.h>

namespace rlhf::test {

/// Counts the bytes of CPU tensors while it lives: what was allocated since and is not freed yet, and the
/// most that was so. One at a time.
class TensorMemory : public c10::Allocator {
 public:
  TensorMemory() : before_(c10::GetCPUAllocator()) {
    counted() = {};
    c10::SetCPUAllocator(this);
  }
  ~TensorMemory() override { c10::SetCPUAllocator(before_); }
  TensorMemory(const TensorMemory&) = delete;
  TensorMemory& operator=(const TensorMemory&) = delete;

  int64_t live_bytes() const { return counted().live; }
  int64_t peak_bytes() const { return counted().peak; }

  c10::DataPtr allocate(size_t bytes) override {
    constexpr size_t kAlignment = 64;
    void* data =
        bytes ? std::aligned_alloc(kAlignment, (bytes + kAlignment - 1) / kAlignment * kAlignment) : nullptr;
    if (bytes && !data) throw std::bad_alloc();
    if (data) {
      const std::lock_guard lock(mutex());
      Counted& c = counted();
      c.bytes[data] = static_cast<int64_t>(bytes);
      c.live += static_cast<int64_t>(bytes);
      c.peak = std::max(c.peak, c.live);
    }
    return {data, data, &release, c10::Device(c10::kCPU)};
  }
  c10::DeleterFnPtr raw_deleter() const override { return &release; }
  void copy_data(void* to, const void* from, size_t bytes) const override {
    default_copy_data(to, from, bytes);
  }

 private:
  struct Counted {
    std::unordered_map<void*, int64_t> bytes;
    int64_t live = 0, peak = 0;
  };
  // Tensors may outlive the counter; those of an earlier one are not known to the next.
  static Counted& counted() {
    static Counted counted;
    return counted;
  }
  static std::mutex& mutex() {
    static std::mutex mutex;
    return mutex;
  }
  static void release(void* data) {
    {
      const std::lock_guard lock(mutex());
      if (const auto found = counted().bytes.find(data); found != counted().bytes.end()) {
        counted().live -= found->second;
        counted().bytes.erase(found);
      }
    }
    std::free(data);
  }

  c10::Allocator* before_;
};

}  // namespace rlhf::test
