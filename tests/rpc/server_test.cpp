#include "rpc/server.h"

#include <google/protobuf/message.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/support/byte_buffer.h>
#include <rlhf/v1/rollout.grpc.pb.h>

#include "rpc/call.h"
#include "rpc/checkpoint_client.h"
#include "rpc/error.h"
#include "rpc/rollout_client.h"
#include "tests/rpc/fakes.h"
#include "tests/support/catch.h"

namespace rlhf {
namespace {

grpc::ByteBuffer bytes(const std::string& text) {
  const grpc::Slice slice(text);
  return {&slice, 1};
}

std::string text(const grpc::ByteBuffer& buffer) {
  std::vector<grpc::Slice> slices;
  buffer.Dump(&slices);
  std::string all;
  for (const grpc::Slice& slice : slices)
    all.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  return all;
}

/// Sends raw bytes to a unary method, or one message to a stream, and returns the first answer.
grpc::Status call_raw(const Address& server, const std::string& method, const std::string& request,
                      std::string& reply, const std::string& version = "2") {
  grpc::GenericStub stub(dial(server));
  grpc::ClientContext context;
  if (!version.empty()) context.AddMetadata("rlhf-protocol-version", version);
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(10));
  grpc::CompletionQueue queue;
  void* tag = nullptr;
  bool ok = false;
  const auto stream = stub.PrepareCall(&context, method, &queue);
  stream->StartCall(nullptr);
  queue.Next(&tag, &ok);
  stream->WriteLast(bytes(request), {}, nullptr);
  queue.Next(&tag, &ok);
  grpc::ByteBuffer answer;
  stream->Read(&answer, nullptr);
  queue.Next(&tag, &ok);
  if (ok) reply = text(answer);
  if (ok) {  // what else there is
    grpc::ByteBuffer rest;
    stream->Read(&rest, nullptr);
    queue.Next(&tag, &ok);
  }
  grpc::Status status;
  stream->Finish(&status, nullptr);
  queue.Next(&tag, &ok);
  return status;
}

}  // namespace

TEST_CASE("Port 0 picks a free port and tells which") {
  test::Learner learner;
  CHECK(learner.server.address().host == "127.0.0.1");
  CHECK(learner.server.address().port != 0);
  CHECK(CheckpointClient(learner.server.address()).fetch(kPolicyModel, 0).manifest.model_hash ==
        learner.policy.manifest.model_hash);
}

TEST_CASE("A port in use is a WorldError that names it") {
  test::Learner learner;
  const Address taken = learner.server.address();
  CHECK_THROWS_AS(Server(taken, Services{}), WorldError);
  CHECK_THROWS_WITH(Server(taken, Services{}), test::contains("cannot listen on " + taken.text()));
}

TEST_CASE("A port is free again once its server has stopped") {
  Address address;
  {
    test::Learner learner;
    address = learner.server.address();
  }
  Server again(address, Services{});
  CHECK(again.address() == address);
}

TEST_CASE("A peer of another protocol version is told both versions") {
  test::Learner learner;
  std::string reply;
  const grpc::Status status = call_raw(learner.server.address(), "/rlhf.v1.RolloutService/Join",
                                       "\x0a\x01"
                                       "a",
                                       reply, "7");
  CHECK(status.error_code() == grpc::StatusCode::FAILED_PRECONDITION);
  CHECK_THAT(status.error_message(), test::contains("the server speaks protocol version 2, the caller 7"));
  CHECK_THROWS_AS(throw_if_failed(status, "x"), Refused);
  const grpc::Status none =
      call_raw(learner.server.address(), "/rlhf.v1.CheckpointService/List", "", reply, "");
  CHECK(none.error_code() == grpc::StatusCode::FAILED_PRECONDITION);
  CHECK_THAT(none.error_message(), test::contains("names none (metadata rlhf-protocol-version)"));
  CHECK(call_raw(learner.server.address(), "/rlhf.v1.CheckpointService/List", "", reply).ok());
}

TEST_CASE("Bytes that are no message are refused and the server lives on") {
  test::Learner learner;
  std::string reply;
  for (const char* method : {"/rlhf.v1.RolloutService/Join", "/rlhf.v1.RolloutService/Submit",
                             "/rlhf.v1.CheckpointService/Fetch", "/rlhf.v1.CheckpointService/Publish"})
    CHECK_FALSE(call_raw(learner.server.address(), method, "\xff\xff\xff\xff\xff", reply).ok());
  CHECK(call_raw(learner.server.address(), "/rlhf.v1.CheckpointService/Fetch", "", reply).error_code() ==
        grpc::StatusCode::INVALID_ARGUMENT);
  RolloutClient client(learner.server.address());
  CHECK(client.join("alice", "").membership.worker_id > 0);
}

TEST_CASE("A message above the cap is refused") {
  test::Learner learner;
  std::string reply;
  const grpc::Status status = call_raw(learner.server.address(), "/rlhf.v1.RolloutService/Join",
                                       std::string(kLargestMessage + 1, 'x'), reply);
  CHECK(status.error_code() == grpc::StatusCode::RESOURCE_EXHAUSTED);
}

TEST_CASE("Health is served as grpc.health.v1 names it") {
  test::Learner learner;
  const std::string serving("\x08\x01", 2);  // HealthCheckResponse.status = SERVING
  std::string reply;
  REQUIRE(call_raw(learner.server.address(), "/grpc.health.v1.Health/Check", "", reply).ok());
  CHECK(reply == serving);
  const std::string name = "rlhf.v1.RolloutService";  // HealthCheckRequest.service
  REQUIRE(call_raw(learner.server.address(), "/grpc.health.v1.Health/Check",
                   std::string("\x0a") + static_cast<char>(name.size()) + name, reply)
              .ok());
  CHECK(reply == serving);
}

TEST_CASE("Reflection lists the services hosted") {
  test::Learner learner;
  std::string reply;
  const std::string list_services("\x3a\x01*", 3);  // ServerReflectionRequest.list_services = "*"
  REQUIRE(call_raw(learner.server.address(), "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
                   list_services, reply)
              .ok());
  CHECK_THAT(reply, test::contains("rlhf.v1.RolloutService"));
  CHECK_THAT(reply, test::contains("rlhf.v1.CheckpointService"));
  CHECK_THAT(reply, test::contains("grpc.health.v1.Health"));
  CHECK_THAT(reply, !test::contains("rlhf.v1.RewardService"));
}

TEST_CASE("Every failure keeps its meaning across the wire") {
  const auto through = [](auto error) {
    try {
      throw_if_failed(to_status(std::make_exception_ptr(error)), "127.0.0.1:1");
    } catch (const decltype(error)& e) {
      return std::string(e.what());
    }
    return std::string("lost");
  };
  CHECK(through(UserError("a")) == "grpc://127.0.0.1:1: a");
  CHECK(through(Refused("b")) == "grpc://127.0.0.1:1: b");
  CHECK(through(SessionLost("c")) == "grpc://127.0.0.1:1: c");
  CHECK(through(Unreachable("d")) == "grpc://127.0.0.1:1 does not answer: d");
  CHECK(through(DamagedTransfer("e")) == "grpc://127.0.0.1:1: e");
  CHECK(through(WorldError("f")) != "lost");
  CHECK_THROWS_AS(throw_if_failed(to_status(std::make_exception_ptr(std::bad_alloc())), "x"), WorldError);
  CHECK_THROWS_AS(throw_if_failed({grpc::StatusCode::DEADLINE_EXCEEDED, ""}, "x"), Unreachable);
  CHECK_NOTHROW(throw_if_failed(grpc::Status::OK, "x"));
}

}  // namespace rlhf
