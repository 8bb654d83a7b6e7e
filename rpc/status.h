#pragma once
// Internal to rpc/: the one place where exceptions and gRPC's status codes meet.
#include <exception>
#include <string>

namespace grpc {
class Status;
}

namespace rlhf {

/// What a service answers when its work threw `error`:
/// UserError INVALID_ARGUMENT, Refused FAILED_PRECONDITION, SessionLost ABORTED, Unreachable UNAVAILABLE,
/// DamagedTransfer DATA_LOSS, out of memory RESOURCE_EXHAUSTED, everything else INTERNAL.
grpc::Status to_status(const std::exception_ptr& error);

/// Throws what a call that ended with `status` means to the caller; nothing when it ended well. The inverse
/// of to_status(), and of the codes gRPC itself sets: DEADLINE_EXCEEDED and CANCELLED (a server that stops)
/// are Unreachable, UNIMPLEMENTED (a service the server does not offer) UserError, the rest WorldError.
/// `server` begins the message.
void throw_if_failed(const grpc::Status& status, const std::string& server);

}  // namespace rlhf
