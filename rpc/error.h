#pragma once
#include "contract/error.h"

namespace rlhf {

/// Nobody answers, or not in time: worth trying again.
class Unreachable : public WorldError {
 public:
  using WorldError::WorldError;
};

/// The other side restarted and knows nothing of what was agreed before: join again.
class SessionLost : public WorldError {
 public:
  using WorldError::WorldError;
};

/// The other side will not have it, now or later: another protocol version, weights that are not the ones
/// named.
class Refused : public WorldError {
 public:
  using WorldError::WorldError;
};

/// Bytes that arrived are not the ones announced: too few, too many, or another SHA-256.
class DamagedTransfer : public WorldError {
 public:
  using WorldError::WorldError;
};

}  // namespace rlhf
