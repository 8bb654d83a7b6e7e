#include "ppo/collect.h"

#include <algorithm>
#include <cmath>
#include <tuple>

#include "contract/error.h"
#include "train/micro_batches.h"

namespace rlhf {
namespace {

// A trajectory as numbers that a float64 holds exactly, so that an all-reduce by sum can carry it.
class Writer {
 public:
  void put(double number) { numbers_.push_back(number); }
  template <typename List>
  void put_list(const List& list) {
    put(static_cast<double>(list.size()));
    for (auto x : list) {
      put(static_cast<double>(x));
    }
  }
  std::vector<double> take() { return std::move(numbers_); }

 private:
  std::vector<double> numbers_;
};

class Reader {
 public:
  explicit Reader(const std::vector<double>& numbers) : numbers_(numbers) {}
  bool done() const { return next_ == numbers_.size(); }
  double get() { return numbers_.at(next_++); }
  template <typename Integer>
  Integer get_integer() {
    return static_cast<Integer>(std::llround(get()));
  }
  template <typename Number>
  std::vector<Number> get_list() {
    std::vector<Number> list(get_integer<size_t>());
    for (Number& x : list) {
      x = static_cast<Number>(get());
    }
    return list;
  }

 private:
  const std::vector<double>& numbers_;
  size_t next_ = 0;
};

void write(Writer& out, const Trajectory& t) {
  for (int64_t number : {t.iteration, int64_t{t.prompt_slot}, int64_t{t.sample_index}, t.prompt_index,
                         t.policy_version, static_cast<int64_t>(t.finish_reason)}) {
    out.put(static_cast<double>(number));
  }
  out.put(t.raw_score);
  out.put(t.score);
  out.put(t.score_spread);
  out.put_list(t.prompt_ids);
  out.put_list(t.response_ids);
  out.put_list(t.logprobs);
}

Trajectory read(Reader& in) {
  Trajectory t;
  t.iteration = in.get_integer<int64_t>();
  t.prompt_slot = in.get_integer<int32_t>();
  t.sample_index = in.get_integer<int32_t>();
  t.prompt_index = in.get_integer<int64_t>();
  t.policy_version = in.get_integer<int64_t>();
  t.finish_reason = static_cast<FinishReason>(in.get_integer<int8_t>());
  t.raw_score = in.get();
  t.score = in.get();
  t.score_spread = in.get();
  t.prompt_ids = in.get_list<TokenId>();
  t.response_ids = in.get_list<TokenId>();
  t.logprobs = in.get_list<float>();
  return t;
}

/// Everybody's numbers, those of process 0 first.
std::vector<double> gather(std::vector<double> mine, Collective& collective) {
  std::vector<double> sizes(static_cast<size_t>(collective.world_size()), 0.0);
  sizes[static_cast<size_t>(collective.rank())] = static_cast<double>(mine.size());
  collective.all_reduce_sum(sizes);
  double before = 0, total = 0;
  for (size_t r = 0; r < sizes.size(); ++r) {
    before += r < static_cast<size_t>(collective.rank()) ? sizes[r] : 0;
    total += sizes[r];
  }
  std::vector<double> all(static_cast<size_t>(total), 0.0);
  std::copy(mine.begin(), mine.end(), all.begin() + static_cast<std::ptrdiff_t>(before));
  collective.all_reduce_sum(all);
  return all;
}

std::vector<Trajectory> gather_trajectories(const std::vector<Trajectory>& mine, Collective& collective) {
  Writer out;
  for (const Trajectory& t : mine) {
    write(out, t);
  }
  const auto numbers = gather(out.take(), collective);
  std::vector<Trajectory> all;
  for (Reader in(numbers); !in.done();) {
    all.push_back(read(in));
  }
  return all;
}

std::vector<RolloutUnit> own_units(const std::vector<RolloutUnit>& units, RolloutPlace place,
                                   const Collective& collective) {
  if (place == RolloutPlace::kFirstProcess) {
    return collective.is_first() ? units : std::vector<RolloutUnit>{};
  }
  const Share share =
      share_of(static_cast<int64_t>(units.size()), collective.rank(), collective.world_size());
  return {units.begin() + share.begin, units.begin() + share.end};
}

}  // namespace

bool admitted(const Trajectory& trajectory, const Admission& admission) {
  const int64_t age = admission.policy_version - trajectory.policy_version;
  if (age < 0 || age > admission.max_staleness) {
    return false;
  }
  const auto hash = admission.hashes.find(trajectory.policy_version);
  return trajectory.policy_hash.empty() ||
         (hash != admission.hashes.end() && hash->second == trajectory.policy_hash);
}

Rollouts collect_rollouts(RolloutSource& source, const std::vector<RolloutUnit>& units,
                          const Admission& admission, RolloutPlace place, Collective& collective) {
  const auto own = own_units(units, place, collective);
  std::vector<Trajectory> mine;
  if (!own.empty()) {
    mine = source.collect(own);
  }
  const auto before = mine.size();
  std::erase_if(mine, [&](const Trajectory& t) { return !admitted(t, admission); });
  std::vector<double> refused{static_cast<double>(before - mine.size())};
  if (collective.world_size() > 1) {
    collective.all_reduce_sum(refused);
    mine = gather_trajectories(mine, collective);
  }
  if (mine.empty()) {
    throw WorldError(
        "every trajectory of the iteration was refused: the workers sample with other weights than "
        "those published");
  }
  std::sort(mine.begin(), mine.end(), [](const Trajectory& a, const Trajectory& b) {
    return std::tie(a.prompt_slot, a.sample_index) < std::tie(b.prompt_slot, b.sample_index);
  });
  for (Trajectory& t : mine) {
    t.policy_hash.clear();
  }
  return {std::move(mine), static_cast<int64_t>(refused[0])};
}

}  // namespace rlhf
