#pragma once
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "storage/run_data.h"

namespace rlhf {

/// What decides the bits a run ends with. Two runs of one identity are the same run, so a folder may be gone
/// on with only by the identity that began it. Leave out of `configuration` what does not: output and logging
/// places, save_total_limit, ports, resume_from_checkpoint, micro-batch sizes that only change memory.
struct RunIdentity {
  std::string stage;                 ///< "pretrain", "sft", "reward", "ppo"
  std::string configuration;         ///< a JSON object: every effective setting by its flag's name
  std::vector<std::string> parents;  ///< model hashes of the models it starts from
  std::string data_hash;             ///< over what it trains on
};

/// The output folder of a run, held by this process alone as long as the object lives (flock on the folder
/// itself, which leaves no file behind). With several processes only rank 0 opens it.
///
///   RunFolder run(output_dir, identity, "auto");    // throws before anything is written
///   if (run.finished()) return;                     // exit 0, nothing changed
///   run.begin({{"rlhf", version}});                 // run.json is there from here on
///   if (run.resume_from()) { load; sinks.truncate_after(step); checkpoints.truncate_after(step); }
///   ... train, save ...; checkpoints.save_final(step, ...);
///   run.mark_finished(step, model_hash);
class RunFolder {
 public:
  /// `resume_from_checkpoint`: "auto" (go on from the newest complete checkpoint, or start), a checkpoint
  /// folder, or "none" (refuses a folder that has a run). Makes the folder when absent, and takes it away
  /// again at the end of the scope when begin() was never called. Throws UserError when another process holds
  /// the folder, when run.json there has another identity (the message names every key that differs and both
  /// values), when checkpoints or metrics lie there without a run.json, and when the checkpoint folder given
  /// is absent, incomplete, or lies with a run of another identity.
  RunFolder(const std::filesystem::path& folder, const RunIdentity& identity,
            const std::string& resume_from_checkpoint = "auto");
  ~RunFolder();
  RunFolder(RunFolder&&) noexcept;
  RunFolder& operator=(RunFolder&&) noexcept;

  /// True when this very run has come to its end already.
  bool finished() const;

  /// The checkpoint to go on from; nothing for a start from step 0. Its files are there; verify() checks the
  /// bytes.
  std::optional<std::filesystem::path> resume_from() const;

  /// Writes run.json (atomically) when the run is new. `versions` are recorded, not compared; a difference on
  /// resume is announced, as other versions may round differently. `data` is what the run reads, for
  /// data_of_run(). Throws WorldError.
  void begin(const std::map<std::string, std::string>& versions, const std::vector<RunData>& data = {});

  /// Records that the run is complete. Call once final/ is durable. Throws WorldError.
  void mark_finished(int64_t step, const std::string& final_model_hash);

  const std::filesystem::path& path() const;

  /// 32 hexadecimal digits drawn when the run was new: what other records call it by. Empty before begin().
  std::string run_id() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// What the run of a folder reads, as begin() was told; nothing when there is no run or it did not say.
std::vector<RunData> data_of_run(const std::filesystem::path& folder);

/// run.json of a folder as text, for those who only want to read it. Throws UserError when there is none.
std::string read_run_json(const std::filesystem::path& folder);

}  // namespace rlhf
