#pragma once
#include <barrier>
#include <functional>
#include <vector>

#include <torch/utils.h>

#include "train/collective.h"

namespace rlhf::test {

/// What the processes of a run share, here threads of one process. Sums run in the order of ranks.
class ThreadGroup {
 public:
  explicit ThreadGroup(int64_t size)
      : barrier_(size), tensors_(static_cast<size_t>(size)), numbers_(tensors_.size()) {}

  int64_t size() const { return static_cast<int64_t>(tensors_.size()); }

 private:
  friend class ThreadCollective;
  std::barrier<> barrier_;
  std::vector<std::vector<torch::Tensor>> tensors_;
  std::vector<std::vector<double>> numbers_;
};

class ThreadCollective : public Collective {
 public:
  ThreadCollective(ThreadGroup& group, int64_t rank) : group_(group), rank_(rank) {}

  int64_t rank() const override { return rank_; }
  int64_t world_size() const override { return group_.size(); }

  void all_reduce_sum(std::vector<torch::Tensor>& tensors) override {
    const torch::NoGradGuard no_grad;
    auto& mine = group_.tensors_[static_cast<size_t>(rank_)];
    mine.clear();
    for (const auto& tensor : tensors) mine.push_back(tensor.detach().clone());
    group_.barrier_.arrive_and_wait();
    for (size_t i = 0; i < tensors.size(); ++i) {
      auto sum = group_.tensors_[0][i].clone();
      for (size_t r = 1; r < group_.tensors_.size(); ++r) sum += group_.tensors_[r][i];
      tensors[i].copy_(sum);
    }
    group_.barrier_.arrive_and_wait();
  }

  void all_reduce_sum(std::vector<double>& numbers) override {
    group_.numbers_[static_cast<size_t>(rank_)] = numbers;
    group_.barrier_.arrive_and_wait();
    for (size_t i = 0; i < numbers.size(); ++i) {
      numbers[i] = 0;
      for (const auto& part : group_.numbers_) numbers[i] += part[i];
    }
    group_.barrier_.arrive_and_wait();
  }

  void broadcast(std::vector<torch::Tensor>& tensors) override {
    if (rank_ == 0) group_.tensors_[0] = tensors;
    group_.barrier_.arrive_and_wait();
    if (rank_ != 0)
      for (size_t i = 0; i < tensors.size(); ++i) tensors[i].copy_(group_.tensors_[0][i]);
    group_.barrier_.arrive_and_wait();
  }

  void barrier() override { group_.barrier_.arrive_and_wait(); }

 private:
  ThreadGroup& group_;
  int64_t rank_;
};

/// Runs `process` once a rank, each in a thread of its own, and waits for all.
void run_processes(int64_t count, const std::function<void(Collective&)>& process);

}  // namespace rlhf::test
