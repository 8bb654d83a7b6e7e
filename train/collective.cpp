#include "train/collective.h"

#include <charconv>
#include <chrono>
#include <cstdlib>
#include <limits>
#include <string>

#include <c10/core/impl/VirtualGuardImpl.h>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>
#include <torch/utils.h>
#ifdef RLHF_CUDA
#include <torch/csrc/distributed/c10d/ProcessGroupNCCL.hpp>
#endif

#include "contract/error.h"

namespace rlhf {
namespace {

constexpr int64_t kBucketElements = 8 << 20;
constexpr std::chrono::minutes kTimeout{30};

class Single final : public Collective {
 public:
  int64_t rank() const override { return 0; }
  int64_t world_size() const override { return 1; }
  void all_reduce_sum(std::vector<torch::Tensor>&) override {}
  void all_reduce_sum(std::vector<double>&) override {}
  void broadcast(std::vector<torch::Tensor>&) override {}
  void barrier() override {}
};

class Distributed final : public Collective {
 public:
  Distributed(c10::intrusive_ptr<c10d::Backend> group, torch::Device device)
      : group_(std::move(group)), device_(device) {}

  int64_t rank() const override { return group_->getRank(); }
  int64_t world_size() const override { return group_->getSize(); }

  void all_reduce_sum(std::vector<torch::Tensor>& tensors) override {
    for_each_bucket(tensors, [this](torch::Tensor& flat) { sum(flat); });
  }

  void all_reduce_sum(std::vector<double>& numbers) override {
    torch::Tensor flat = torch::tensor(numbers, torch::kFloat64).to(device_);
    sum(flat);
    flat = flat.cpu();
    std::copy_n(flat.data_ptr<double>(), numbers.size(), numbers.begin());
  }

  void broadcast(std::vector<torch::Tensor>& tensors) override {
    for_each_bucket(tensors, [this](torch::Tensor& flat) {
      std::vector<torch::Tensor> one{flat};
      wait(group_->broadcast(one));
    });
  }

  void barrier() override { wait(group_->barrier()); }

 private:
  void sum(torch::Tensor& flat) {
    std::vector<torch::Tensor> one{flat};
    wait(group_->allreduce(one));
  }

  void wait(const c10::intrusive_ptr<c10d::Work>& work) {
    try {
      work->wait();
    } catch (const std::exception& error) {
      throw WorldError(std::string("another process of this data-parallel run is gone: ") + error.what());
    }
  }

  // Few large messages instead of one a tensor. Borders depend on sizes alone, so every process cuts alike.
  template <typename Exchange>
  void for_each_bucket(std::vector<torch::Tensor>& tensors, Exchange exchange) {
    torch::NoGradGuard no_grad;
    for (size_t begin = 0; begin < tensors.size();) {
      size_t end = begin;
      int64_t elements = 0;
      std::vector<torch::Tensor> flat_parts;
      for (; end < tensors.size() && (end == begin || elements + tensors[end].numel() <= kBucketElements) &&
             tensors[end].scalar_type() == tensors[begin].scalar_type();
           ++end) {
        elements += tensors[end].numel();
        flat_parts.push_back(tensors[end].reshape({-1}));
      }
      torch::Tensor flat = torch::cat(flat_parts);
      exchange(flat);
      int64_t offset = 0;
      for (size_t i = begin; i < end; ++i) {
        tensors[i].copy_(flat.narrow(0, offset, tensors[i].numel()).view_as(tensors[i]));
        offset += tensors[i].numel();
      }
      begin = end;
    }
  }

  c10::intrusive_ptr<c10d::Backend> group_;
  torch::Device device_;
};

int environment_number(const char* name, int low, int high) {
  const char* text = std::getenv(name);
  int value = 0;
  const std::string_view view = text ? text : "";
  const auto [end, error] = std::from_chars(view.data(), view.data() + view.size(), value);
  if (view.empty() || error != std::errc() || end != view.data() + view.size() || value < low || value > high)
    throw UserError(std::string("environment variable ") + name + "='" + std::string(view) +
                    "' should be a number from " + std::to_string(low) + " to " + std::to_string(high) +
                    ", as torchrun sets it");
  return value;
}

}  // namespace

torch::Device local_device(torch::Device device) {
  if (!device.is_cuda() || device.has_index()) return device;
  const int local_rank =
      std::getenv("LOCAL_RANK")
          ? environment_number("LOCAL_RANK", 0, std::numeric_limits<c10::DeviceIndex>::max())
          : 0;
  return {torch::kCUDA, static_cast<c10::DeviceIndex>(local_rank)};
}

std::unique_ptr<Collective> Collective::single() {
  return std::make_unique<Single>();
}

std::unique_ptr<Collective> Collective::from_environment(torch::Device device) {
  if (!std::getenv("WORLD_SIZE")) return single();
  const int world_size = environment_number("WORLD_SIZE", 1, 65536);
  if (world_size == 1) return single();
  const int rank = environment_number("RANK", 0, world_size - 1);
  const int port = environment_number("MASTER_PORT", 1, 65535);
  const char* address = std::getenv("MASTER_ADDR");
  if (!address)
    throw UserError("WORLD_SIZE is set but MASTER_ADDR is not: start the processes with torchrun, or set it");

  try {
    c10d::TCPStoreOptions options;
    options.port = static_cast<std::uint16_t>(port);
    // torchrun may already serve a store at this address; then rank 0 joins it as everybody else.
    const char* agent_store = std::getenv("TORCHELASTIC_USE_AGENT_STORE");
    options.isServer = rank == 0 && !(agent_store && std::string_view(agent_store) == "True");
    options.numWorkers = static_cast<std::size_t>(world_size);
    options.waitWorkers = false;
    options.timeout = std::chrono::minutes(5);
    auto store = c10::make_intrusive<c10d::TCPStore>(address, options);
#ifdef RLHF_CUDA
    if (device.is_cuda()) {
      c10::impl::VirtualGuardImpl(device.type()).setDevice(device);  // what NCCL's barriers run on
      auto nccl = c10d::ProcessGroupNCCL::Options::create();
      nccl->timeout = kTimeout;
      return std::make_unique<Distributed>(
          c10::make_intrusive<c10d::ProcessGroupNCCL>(store, rank, world_size, nccl), device);
    }
#endif
    auto gloo = c10d::ProcessGroupGloo::Options::create();
    gloo->devices.push_back(std::string_view(address) == "127.0.0.1" ||
                                    std::string_view(address) == "localhost"
                                ? c10d::ProcessGroupGloo::createDeviceForHostname("127.0.0.1")
                                : c10d::ProcessGroupGloo::createDefaultDevice());
    gloo->timeout = kTimeout;
    gloo->threads = 2;
    return std::make_unique<Distributed>(
        c10::make_intrusive<c10d::ProcessGroupGloo>(store, rank, world_size, gloo), device);
  } catch (const UserError&) {
    throw;
  } catch (const std::exception& error) {
    throw WorldError("process " + std::to_string(rank) + " of " + std::to_string(world_size) +
                     " cannot join the data-parallel run at " + address + ":" + std::to_string(port) + ": " +
                     error.what());
  }
}

}  // namespace rlhf
