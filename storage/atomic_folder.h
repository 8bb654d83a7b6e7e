#pragma once
#include <filesystem>
#include <functional>
#include <string_view>

namespace rlhf {

enum class IfExists { kRefuse, kReplace };

/// Makes the folder `destination` appear whole or not at all, even if the power fails midway: `write_files`
/// fills a temporary folder beside it, everything in it is fsynced, the folder is renamed, and its parent is
/// fsynced. Missing parents are made. With kRefuse an existing destination that is not an empty folder is a
/// UserError; with kReplace it is swapped out in one step. When `write_files` throws, or the disk does
/// (WorldError), nothing is left behind and what was there still is. `write_files` must itself throw when a
/// write fails: a stream whose error nobody looked at cannot be seen here.
void write_folder_atomically(const std::filesystem::path& destination,
                             const std::function<void(const std::filesystem::path&)>& write_files,
                             IfExists if_exists = IfExists::kRefuse);

/// The same for one file, which is replaced when it exists. Throws WorldError.
void write_file_atomically(const std::filesystem::path& destination, std::string_view bytes);

/// Makes the file `destination` appear whole or not at all: `write` fills a temporary, empty file beside it.
/// Throws UserError when `destination` exists, WorldError when the disk fails.
void write_new_file_atomically(const std::filesystem::path& destination,
                               const std::function<void(const std::filesystem::path&)>& write);

/// Writes and fsyncs a file that does not exist yet. Throws WorldError.
void write_file_durably(const std::filesystem::path& path, std::string_view bytes);

/// Takes a folder away in one step, so that nobody ever sees half of it. Throws WorldError.
void remove_folder_atomically(const std::filesystem::path& folder);

/// Removes what killed calls of the functions above left in `parent`. What a living process is still writing
/// is left alone. Never throws: leftovers do no harm but take room.
void remove_leftovers(const std::filesystem::path& parent) noexcept;

}  // namespace rlhf
