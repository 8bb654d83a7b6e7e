#include "rpc/status.h"

#include <new>

#include <grpcpp/support/status.h>

#include "rpc/error.h"

namespace rlhf {

grpc::Status to_status(const std::exception_ptr& error) {
  using enum grpc::StatusCode;
  try {
    std::rethrow_exception(error);
  } catch (const UserError& e) {
    return {INVALID_ARGUMENT, e.what()};
  } catch (const Refused& e) {
    return {FAILED_PRECONDITION, e.what()};
  } catch (const SessionLost& e) {
    return {ABORTED, e.what()};
  } catch (const Unreachable& e) {
    return {UNAVAILABLE, e.what()};
  } catch (const DamagedTransfer& e) {
    return {DATA_LOSS, e.what()};
  } catch (const std::bad_alloc&) {
    return {RESOURCE_EXHAUSTED, "out of memory"};
  } catch (const std::exception& e) {
    return {INTERNAL, e.what()};
  } catch (...) {
    return {INTERNAL, "unknown error"};
  }
}

void throw_if_failed(const grpc::Status& status, const std::string& server) {
  if (status.ok()) return;
  const std::string message = "grpc://" + server + ": " + status.error_message();
  switch (status.error_code()) {
    case grpc::StatusCode::INVALID_ARGUMENT:
      throw UserError(message);
    case grpc::StatusCode::FAILED_PRECONDITION:
      throw Refused(message);
    case grpc::StatusCode::ABORTED:
      throw SessionLost(message);
    case grpc::StatusCode::UNAVAILABLE:
    case grpc::StatusCode::CANCELLED:  // by the server, which is stopping
      throw Unreachable("grpc://" + server + " does not answer: " + status.error_message());
    case grpc::StatusCode::DEADLINE_EXCEEDED:
      throw Unreachable("grpc://" + server + " did not answer in time");
    case grpc::StatusCode::DATA_LOSS:
      throw DamagedTransfer(message);
    case grpc::StatusCode::UNIMPLEMENTED:
      throw UserError("grpc://" + server + " does not offer this service");
    default:
      throw WorldError(message + " (status " + std::to_string(status.error_code()) + ")");
  }
}

}  // namespace rlhf
