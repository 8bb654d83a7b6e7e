#include "storage/run_folder.h"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <random>
#include <set>
#include <system_error>

#include <fcntl.h>
#include <nlohmann/json.hpp>
#include <sys/file.h>

#include "contract/error.h"
#include "log/log.h"
#include "storage/atomic_folder.h"
#include "storage/checkpoint_directory.h"
#include "storage/clock.h"
#include "storage/file_descriptor.h"
#include "storage/provenance.h"

namespace rlhf {

namespace fs = std::filesystem;
using nlohmann::ordered_json;

namespace {

constexpr char kRunJson[] = "run.json";
constexpr int kFormatVersion = 1;

ordered_json parse_object(const std::string& text, const std::string& where) {
  try {
    ordered_json json = ordered_json::parse(text);
    if (json.is_object()) return json;
  } catch (const nlohmann::json::exception&) {
  }
  throw UserError(where + " is not a JSON object");
}

/// Makes `folder` and its parents; returns those that were absent, outermost first.
std::vector<fs::path> make_folders(const fs::path& folder) {
  std::vector<fs::path> made;
  for (fs::path at = fs::absolute(folder).lexically_normal(); !fs::exists(at); at = at.parent_path())
    made.insert(made.begin(), at);
  std::error_code error;
  fs::create_directories(folder, error);
  if (error == std::errc::not_a_directory || (!error && !fs::is_directory(folder)))
    throw UserError(folder.string() + " is, or is in, a file; --output_dir must be a folder");
  if (error) throw WorldError("cannot make the folder " + folder.string() + ": " + error.message());
  return made;
}

FileDescriptor lock(const fs::path& folder) {
  FileDescriptor fd(open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) throw WorldError("cannot open " + folder.string() + ": " + std::strerror(errno));
  if (flock(fd.get(), LOCK_EX | LOCK_NB) == 0) return fd;
  if (errno == EWOULDBLOCK)
    throw UserError(folder.string() +
                    " is in use by another process; wait for it or choose another --output_dir");
  log::warn(folder.string() + " cannot be locked (" + std::strerror(errno) +
            "): make sure that no other process uses it");
  return fd;
}

ordered_json identity_json(const RunIdentity& identity) {
  return {{"stage", identity.stage},
          {"configuration", parse_object(identity.configuration, "the configuration of the run")},
          {"parents", identity.parents},
          {"data_hash", identity.data_hash}};
}

/// One line for each setting that differs, by its name as a flag: "learning_rate: 0.1 there, 0.2 given".
std::string differences(const ordered_json& there, const ordered_json& given) {
  const ordered_json before = there.flatten(), now = given.flatten();
  std::set<std::string> keys;
  for (const auto& item : before.items()) keys.insert(item.key());
  for (const auto& item : now.items()) keys.insert(item.key());
  std::string lines;
  for (const std::string& key : keys) {
    const auto a = before.find(key), b = now.find(key);
    if (a != before.end() && b != now.end() && *a == *b) continue;
    std::string name = key.starts_with("/configuration/") ? key.substr(15) : key.substr(1);
    for (char& letter : name)
      if (letter == '/') letter = '.';
    lines += "\n  " + name + ": " + (a == before.end() ? "not set" : a->dump()) + " there, " +
             (b == now.end() ? "not set" : b->dump()) + " given";
  }
  return lines;
}

std::string new_run_id() {
  std::random_device device;
  std::string digits;
  for (int i = 0; i < 32; ++i) digits.push_back("0123456789abcdef"[device() & 15]);
  return digits;
}

void refuse_foreign_files(const fs::path& folder) {
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with("checkpoint-") || name == "final" || name == "metrics.jsonl")
      throw UserError(folder.string() + " holds " + name +
                      " of another program (there is no run.json); choose another --output_dir");
  }
}

/// Of the run whose folder this is; nothing when run.json is not of this program.
std::optional<ordered_json> read_identity(const fs::path& folder) {
  const ordered_json run = parse_object(read_run_json(folder), (folder / kRunJson).string());
  return run.contains("identity") ? std::optional(run["identity"]) : std::nullopt;
}

/// Differences from the run that a checkpoint lies with; none where no run's folder is around it.
std::string differences_beside(const fs::path& checkpoint, const ordered_json& identity) {
  const fs::path folder = fs::canonical(checkpoint).parent_path();
  if (!fs::exists(folder / kRunJson)) return "";
  try {
    const std::optional<ordered_json> there = read_identity(folder);
    return there ? differences(*there, identity) : "";
  } catch (const UserError&) {
    return "";  // somebody else's run.json
  }
}

fs::path given_checkpoint(const std::string& folder, const ordered_json& identity) {
  if (!fs::is_directory(folder))
    throw UserError("--resume_from_checkpoint " + folder +
                    ": no such folder; it takes auto, none or a checkpoint");
  if (std::string why; !looks_complete(folder, &why))
    throw UserError("--resume_from_checkpoint " + folder + " is not a whole checkpoint: " + why);
  if (const std::string lines = differences_beside(folder, identity); !lines.empty())
    throw UserError("--resume_from_checkpoint " + folder +
                    " is of a run with another configuration:" + lines);
  return folder;
}

}  // namespace

struct RunFolder::State {
  fs::path folder;
  std::vector<fs::path> made;
  FileDescriptor lock;
  ordered_json run;  // what run.json says, or will say
  bool is_new = true;
  bool begun = false;
  std::optional<fs::path> resume_from;

  ~State() {
    std::error_code ignored;
    if (!begun)
      for (auto path = made.rbegin(); path != made.rend(); ++path) fs::remove(*path, ignored);
  }
};

RunFolder::RunFolder(const fs::path& folder, const RunIdentity& identity, const std::string& resume)
    : state_(std::make_unique<State>()) {
  const ordered_json given = identity_json(identity);
  state_->folder = folder;
  state_->made = make_folders(folder);
  state_->lock = lock(folder);
  state_->is_new = !fs::exists(folder / kRunJson);
  if (state_->is_new) {
    refuse_foreign_files(folder);
    state_->run = {{"format_version", kFormatVersion}, {"identity", given}};
  } else {
    if (resume == "none")
      throw UserError(folder.string() +
                      " holds a run already; choose another --output_dir, or go on with it by "
                      "--resume_from_checkpoint auto");
    state_->run = parse_object(read_run_json(folder), (folder / kRunJson).string());
    const std::optional<ordered_json> there = read_identity(folder);
    if (!there)
      throw UserError((folder / kRunJson).string() + " is not of this program; choose another --output_dir");
    if (const std::string lines = differences(*there, given); !lines.empty())
      throw UserError(folder.string() + " holds a run with another configuration:" + lines +
                      "\nGive the settings it was begun with, or another --output_dir.");
  }
  if (resume == "auto")
    state_->resume_from = latest_checkpoint(folder);
  else if (resume != "none")
    state_->resume_from = given_checkpoint(resume, given);
}

RunFolder::~RunFolder() = default;
RunFolder::RunFolder(RunFolder&&) noexcept = default;
RunFolder& RunFolder::operator=(RunFolder&&) noexcept = default;

bool RunFolder::finished() const {
  return state_->run.contains("finished");
}

std::optional<fs::path> RunFolder::resume_from() const {
  return state_->resume_from;
}

void RunFolder::begin(const std::map<std::string, std::string>& versions, const std::vector<RunData>& data) {
  state_->begun = true;
  if (state_->is_new) {
    remove_leftovers(state_->folder);
    state_->run["run_id"] = new_run_id();
    state_->run["versions"] = versions;
    if (!data.empty()) state_->run["data"] = ordered_json::parse(run_data_to_json(data));
    state_->run["started_at_ms"] = now_ms();
    write_file_atomically(state_->folder / kRunJson, state_->run.dump(2) + "\n");
    state_->is_new = false;
    return;
  }
  const ordered_json now = versions;
  if (const ordered_json there = state_->run.value("versions", ordered_json::object()); there != now)
    log::warn("the run was begun with other versions, so its numbers may round differently:" +
              differences(there, now));
}

void RunFolder::mark_finished(int64_t step, const std::string& final_model_hash) {
  state_->run["finished"] = {{"step", step}, {"model_hash", final_model_hash}, {"at_ms", now_ms()}};
  write_file_atomically(state_->folder / kRunJson, state_->run.dump(2) + "\n");
}

std::string RunFolder::run_id() const {
  return state_->run.value("run_id", "");
}

const fs::path& RunFolder::path() const {
  return state_->folder;
}

std::vector<RunData> data_of_run(const fs::path& folder) {
  if (!fs::exists(folder / kRunJson)) return {};
  const ordered_json run = parse_object(read_run_json(folder), (folder / kRunJson).string());
  if (!run.contains("data")) return {};
  return run_data_from_json(run["data"].dump(), (folder / kRunJson).string());
}

std::string read_run_json(const fs::path& folder) {
  std::ifstream file(folder / kRunJson, std::ios::binary);
  if (!file) throw UserError("cannot read " + (folder / kRunJson).string());
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace rlhf
