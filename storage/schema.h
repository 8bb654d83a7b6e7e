#pragma once
#include <span>
#include <string_view>

namespace rlhf {

/// SQL of each migration, in order: migration i brings schema version i to i + 1. They are the files of
/// storage/schema/, which are never changed once released.
std::span<const std::string_view> schema_migrations();

}  // namespace rlhf
