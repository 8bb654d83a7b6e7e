#include "cli/memory_limit.h"

#include <algorithm>
#include <cmath>
#include <iostream>

#include <CLI/CLI.hpp>

#include "cli/system_memory.h"
#include "contract/error.h"
#include "train/trainer_state.h"

namespace rlhf {
namespace {

/// Bytes that this process may have in all; none without a limit.
std::optional<int64_t> allowed_bytes(const std::string& limit) {
  if (limit == "none") return std::nullopt;
  if (limit != "auto") return parse_memory_size(limit);
  const std::optional<int64_t> free = free_memory();
  if (!free) return std::nullopt;
  return *free / local_processes() + resident_memory();
}

int64_t least_of_all(int64_t mine, Collective& collective) {
  std::vector<double> all(static_cast<std::size_t>(collective.world_size()), 0.0);
  all[static_cast<std::size_t>(collective.rank())] = static_cast<double>(mine);
  collective.all_reduce_sum(all);
  return std::llround(*std::min_element(all.begin(), all.end()));
}

std::string told_limit(const std::string& limit, int64_t allowed) {
  return memory_text(allowed) + (limit == "auto" ? " free" : " of --memory_limit");
}

/// Of the run so far, or as the flag says.
int64_t wanted_size(const MemoryRequest& request) {
  if (!request.resume_from) return request.batch_size;
  const int64_t stored = TrainerState::load(*request.resume_from).micro_batch_size;
  return stored > 0 ? stored : request.batch_size;
}

[[noreturn]] void refuse(const MemoryRequest& request, int64_t size, int64_t allowed) {
  throw UserError(
      "not enough memory: this run needs " + memory_text(request.plan_of(size).bytes()) +
      " with micro-batches of " + std::to_string(size) + ", and there are " +
      told_limit(request.limit, allowed) +
      (request.resume_from
           ? "; a run that is gone on with keeps its micro-batches, so that its numbers stay the same"
           : "") +
      ". --gradient_checkpointing, --dtype bfloat16 and shorter sequences (--max_length, --block_size, "
      "--response_length) need less; --memory_limit none runs all the same");
}

}  // namespace

int64_t parse_memory_size(const std::string& text) {
  static constexpr std::pair<const char*, double> kUnits[] = {
      {"", 1},      {"B", 1},      {"KB", 1e3},          {"MB", 1e6},           {"GB", 1e9},
      {"TB", 1e12}, {"KiB", 1024}, {"MiB", 1024 * 1024}, {"GiB", 1073741824.0}, {"TiB", 1099511627776.0}};
  std::size_t end = 0;
  double number = 0;
  try {
    number = std::stod(text, &end);
  } catch (const std::exception&) {
    end = 0;
  }
  while (end > 0 && end < text.size() && text[end] == ' ') ++end;
  for (const auto& [unit, factor] : kUnits)
    if (end > 0 && text.substr(end) == unit && number > 0 && number * factor < 9e18)
      return static_cast<int64_t>(number * factor);
  throw UserError("--memory_limit " + text + ": use auto, none, or a size such as 6GB, 6GiB or 6000000000");
}

void add_memory_flags(CLI::App& command, std::string& memory_limit) {
  memory_limit = "auto";
  command
      .add_option(
          "--memory_limit", memory_limit,
          "what a process may take: auto (what is free), a size such as 6GB, or none; micro-batches are made "
          "smaller to fit, which changes nothing but rounding")
      ->capture_default_str();
}

MemoryFit::MemoryFit(const MemoryRequest& request, torch::Device device, Collective& collective)
    : micro_batch_size_(wanted_size(request)) {
  const std::optional<int64_t> allowed = allowed_bytes(request.limit);
  if (!device.is_cpu()) return;
  const int64_t wanted = micro_batch_size_;
  if (allowed) {
    const bool fixed = request.resume_from.has_value();
    const int64_t mine = fixed ? (request.plan_of(wanted).bytes() <= *allowed ? wanted : 0)
                               : largest_micro_batch(wanted, *allowed, request.plan_of);
    micro_batch_size_ = least_of_all(mine, collective);
    if (micro_batch_size_ == 0) refuse(request, fixed ? wanted : 1, *allowed);
  }
  const MemoryPlan plan = request.plan_of(micro_batch_size_);
  if (!collective.is_first()) return;
  planned_ = plan.bytes();
  std::cerr << "Memory: " << memory_text(planned_) << " planned";
  if (allowed) std::cerr << ", " << told_limit(request.limit, *allowed);
  std::cerr << "\n" << plan.table();
  if (micro_batch_size_ < wanted)
    std::cerr << "Micro-batches of " << micro_batch_size_ << " instead of " << wanted << " "
              << request.samples << ", so that " << memory_text(request.plan_of(wanted).bytes()) << " fit in "
              << told_limit(request.limit, *allowed) << ": the same batches, only rounding differs.\n";
}

void MemoryFit::report_peak() const {
  if (planned_ > 0)
    std::cerr << "Peak memory " << memory_text(peak_memory()) << " (planned " << memory_text(planned_)
              << ")\n";
}

}  // namespace rlhf
