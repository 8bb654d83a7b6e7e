#pragma once
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "contract/sources.h"

namespace rlhf {

/// Several sinks as one: every call goes to each, in the order given. Owns them. The first exception ends the
/// call.
class FanoutSink : public MetricSink {
 public:
  explicit FanoutSink(std::vector<std::unique_ptr<MetricSink>> sinks) : sinks_(std::move(sinks)) {}

  void log(int64_t step, const Metrics& metrics) override {
    for (const auto& sink : sinks_) sink->log(step, metrics);
  }
  void log_sample(int64_t step, const std::string& prompt, const std::string& response,
                  double score) override {
    for (const auto& sink : sinks_) sink->log_sample(step, prompt, response, score);
  }
  void truncate_after(int64_t step) override {
    for (const auto& sink : sinks_) sink->truncate_after(step);
  }
  void flush() override {
    for (const auto& sink : sinks_) sink->flush();
  }

 private:
  std::vector<std::unique_ptr<MetricSink>> sinks_;
};

}  // namespace rlhf
