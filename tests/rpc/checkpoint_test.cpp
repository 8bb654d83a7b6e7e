#include <atomic>
#include <functional>
#include <mutex>
#include <thread>
#include <utility>

#include <grpcpp/create_channel.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <rlhf/v1/checkpoint.grpc.pb.h>

#include "contract/sha256.h"
#include "rpc/call.h"
#include "rpc/checkpoint_client.h"
#include "rpc/convert.h"
#include "rpc/error.h"
#include "tests/rpc/fakes.h"
#include "tests/support/catch.h"

namespace rlhf {
namespace {

struct Shop {
  explicit Shop(TransferLimits limits = {})
      : server(parse_listen_address("127.0.0.1:0"), {&store, nullptr, nullptr}, limits) {}
  MemoryCheckpointStore store{8};
  Server server;
  CheckpointClient client{server.address()};
};

bool same_files(const CheckpointBytes& a, const CheckpointBytes& b) {
  if (a.manifest.files != b.manifest.files || a.files.size() != b.files.size()) return false;
  for (std::size_t i = 0; i < a.files.size(); ++i)
    if (*a.files[i].bytes != *b.files[i].bytes) return false;
  return true;
}

using Names = std::vector<std::string>;

/// Names of files, noted by a server's thread and read by the test's.
class Notes {
 public:
  void add(const std::string& name) {
    const std::scoped_lock lock(mutex_);
    names_.push_back(name);
  }
  Names take() {
    const std::scoped_lock lock(mutex_);
    return std::exchange(names_, {});
  }

 private:
  std::mutex mutex_;
  Names names_;
};

/// A store that notes which files it sends and takes.
class NotingStore : public MemoryCheckpointStore {
 public:
  using MemoryCheckpointStore::MemoryCheckpointStore;
  int64_t accept(const std::string& name, const CheckpointManifest& manifest,
                 const DeliverFiles& deliver) override {
    const auto noting = [&](const std::vector<std::size_t>& wanted, const TakePiece& take) {
      for (const std::size_t file : wanted) taken.add(manifest.files[file].name);
      deliver(wanted, take);
    };
    return MemoryCheckpointStore::accept(name, manifest, noting);
  }
  std::shared_ptr<const StoredCheckpoint> open(const std::string& name, int64_t version) override {
    return std::make_shared<Noting>(sent, MemoryCheckpointStore::open(name, version));
  }
  Notes taken, sent;

 private:
  struct Noting : StoredCheckpoint {
    Noting(Notes& sent, std::shared_ptr<const StoredCheckpoint> real) : sent_(sent), real_(std::move(real)) {}
    int64_t version() const override { return real_->version(); }
    const CheckpointManifest& manifest() const override { return real_->manifest(); }
    void read(std::size_t file, std::size_t piece,
              const std::function<void(std::string_view)>& take) const override {
      sent_.add(manifest().files[file].name);
      real_->read(file, piece, take);
    }
    Notes& sent_;
    std::shared_ptr<const StoredCheckpoint> real_;
  };
};

/// A store whose first piece sets `reached`, and which then waits for `go_on` before it sends the rest.
class HaltingStore : public MemoryCheckpointStore {
 public:
  std::shared_ptr<const StoredCheckpoint> open(const std::string& name, int64_t version) override {
    return std::make_shared<Halting>(*this, MemoryCheckpointStore::open(name, version));
  }
  std::atomic<bool> reached = false, go_on = false;

 private:
  struct Halting : StoredCheckpoint {
    Halting(HaltingStore& store, std::shared_ptr<const StoredCheckpoint> real)
        : store_(store), real_(std::move(real)) {}
    int64_t version() const override { return real_->version(); }
    const CheckpointManifest& manifest() const override { return real_->manifest(); }
    void read(std::size_t file, std::size_t,
              const std::function<void(std::string_view)>& take) const override {
      real_->read(file, 1000, [&](std::string_view piece) {
        take(piece);
        store_.reached = true;
        while (!store_.go_on) std::this_thread::sleep_for(std::chrono::milliseconds(1));
      });
    }
    HaltingStore& store_;
    std::shared_ptr<const StoredCheckpoint> real_;
  };
};

/// A server that answers Fetch as a test tells it to.
class Liar : public v1::CheckpointService::Service {
 public:
  using Stream = grpc::ServerReaderWriter<v1::FetchReply, v1::FetchRequest>;
  explicit Liar(std::function<void(Stream&)> answer) : answer_(std::move(answer)) {
    grpc::ServerBuilder builder;
    int port = 0;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
    builder.RegisterService(this);
    server_ = builder.BuildAndStart();
    address_ = {"127.0.0.1", static_cast<uint16_t>(port)};
  }
  ~Liar() override { server_->Shutdown(std::chrono::system_clock::now()); }
  grpc::Status Fetch(grpc::ServerContext*, Stream* stream) override {
    answer_(*stream);
    return grpc::Status::OK;
  }
  CheckpointBytes fetch() const { return CheckpointClient(address_).fetch("policy", 0); }

  static void announce(Stream& stream, const CheckpointManifest& manifest) {
    v1::FetchRequest request;
    stream.Read(&request);
    v1::FetchReply reply;
    reply.mutable_announced()->set_name("policy");
    reply.mutable_announced()->set_version(1);
    to_wire(manifest, *reply.mutable_announced()->mutable_manifest());
    stream.Write(reply);
    stream.Read(&request);
  }
  static void chunk(Stream& stream, uint32_t file, const std::string& bytes) {
    v1::FetchReply reply;
    reply.mutable_chunk()->set_file(file);
    reply.mutable_chunk()->set_data(bytes);
    stream.Write(reply);
  }

 private:
  std::function<void(Stream&)> answer_;
  std::unique_ptr<grpc::Server> server_;
  Address address_;
};

}  // namespace

TEST_CASE("What is published is what is fetched, by name and version") {
  Shop shop;
  const CheckpointBytes first = test::make_policy(1), second = test::make_policy(2);
  CHECK(shop.client.publish("sft", first) == 1);
  CHECK(shop.client.publish("sft", second) == 2);
  CHECK(shop.client.publish("other", second) == 1);
  CheckpointClient reader(shop.server.address());
  CHECK(same_files(reader.fetch("sft", 1), first));
  CHECK(same_files(reader.fetch("sft", 0), second));
  const CheckpointBytes again = reader.fetch("sft", 2);
  CHECK(again.manifest.parents == second.manifest.parents);
  CHECK(again.manifest.tokenizer_hash == second.manifest.tokenizer_hash);
  CHECK(again.manifest.step == second.manifest.step);
}

TEST_CASE("Publishing equal bytes again returns the version they have") {
  Shop shop;
  CHECK(shop.client.publish("sft", test::make_policy(1)) == 1);
  CHECK(shop.client.publish("sft", test::make_policy(2)) == 2);
  CHECK(shop.client.publish("sft", test::make_policy(1)) == 1);
  CHECK(shop.store.fetch("sft", 0).manifest.files == test::make_policy(2).manifest.files);
}

TEST_CASE("A checkpoint with an empty file travels") {
  Shop shop;
  const CheckpointBytes checkpoint = test::make_checkpoint({{"a", ""}, {"config.json", "{}"}, {"z", ""}});
  shop.client.publish("odd", checkpoint);
  CHECK(same_files(CheckpointClient(shop.server.address()).fetch("odd", 1), checkpoint));
}

TEST_CASE("Files the other side holds are not sent again") {
  NotingStore store(8);
  Server server(parse_listen_address("127.0.0.1:0"), {&store, nullptr, nullptr});
  CheckpointClient client(server.address());
  client.publish("policy", test::make_policy(1));
  CHECK(store.taken.take() == Names{"config.json", "model.safetensors", "tokenizer.json"});
  client.publish("policy", test::make_policy(2));
  CHECK(store.taken.take() == Names{"model.safetensors"});

  const CheckpointBytes first = client.fetch("policy", 1);
  CHECK(store.sent.take() == Names{"config.json", "model.safetensors", "tokenizer.json"});
  const CheckpointBytes second = client.fetch("policy", 2);
  CHECK(store.sent.take() == Names{"model.safetensors"});
  CHECK(same_files(second, test::make_policy(2)));
}

TEST_CASE("A model that is not there is the user's error") {
  Shop shop;
  shop.client.publish("sft", test::make_policy(1));
  CHECK_THROWS_AS(shop.client.fetch("stf", 0), UserError);
  CHECK_THROWS_WITH(shop.client.fetch("sft", 7), test::contains("no version 7 of \"sft\""));
  CHECK_THROWS_AS(shop.client.publish("../etc", test::make_policy(1)), UserError);
}

TEST_CASE("An announcement beyond the limits is refused before anything is sent") {
  TransferLimits limits;
  limits.file_bytes = 1000;
  Shop shop(limits);
  CHECK_THROWS_WITH(shop.client.publish("sft", test::make_policy(1)),
                    test::contains("model.safetensors is announced with 700000 bytes"));
  CHECK(shop.store.list().empty());
  shop.store.publish("sft", test::make_policy(1));
  CHECK_THROWS_AS(CheckpointClient(shop.server.address(), limits).fetch("sft", 0), WorldError);
  limits = {};
  limits.total_bytes = 700'001;
  CHECK_THROWS_AS(CheckpointClient(shop.server.address(), limits).fetch("sft", 0), WorldError);
}

TEST_CASE("A publication whose bytes are wrong stores nothing") {
  Shop shop;
  CheckpointBytes checkpoint = test::make_policy(1);
  std::string bytes = *checkpoint.files[1].bytes;
  bytes[350'000] ^= 1;
  checkpoint.files[1].bytes = std::make_shared<const std::string>(bytes);
  CHECK_THROWS_WITH(shop.client.publish("sft", checkpoint),
                    test::contains("model.safetensors arrived damaged"));
  CHECK(shop.store.list().empty());
  CHECK(shop.client.publish("sft", test::make_policy(1)) == 1);
}

TEST_CASE("Files that are not those of the manifest are a mistake of the caller") {
  Shop shop;
  CheckpointBytes checkpoint = test::make_policy(1);
  checkpoint.files.pop_back();
  CHECK_THROWS_AS(shop.client.publish("sft", checkpoint), std::invalid_argument);
}

TEST_CASE("A server whose bytes, hashes or sizes are wrong is caught") {
  const CheckpointBytes small =
      test::make_checkpoint({{"config.json", "{}"}, {"model.safetensors", "weights"}});
  CheckpointManifest manifest = small.manifest;
  const auto with = [](std::function<void(Liar::Stream&)> answer) {
    return std::make_unique<Liar>(std::move(answer));
  };
  SECTION("honest, to be sure of the liar") {
    const auto server = with([&](Liar::Stream& stream) {
      Liar::announce(stream, manifest);
      Liar::chunk(stream, 0, "{}");
      Liar::chunk(stream, 1, "weights");
    });
    CHECK(same_files(server->fetch(), small));
  }
  SECTION("wrong bytes") {
    const auto server = with([&](Liar::Stream& stream) {
      Liar::announce(stream, manifest);
      Liar::chunk(stream, 0, "{}");
      Liar::chunk(stream, 1, "Weights");
    });
    CHECK_THROWS_AS(server->fetch(), DamagedTransfer);
  }
  SECTION("cut short") {
    const auto server = with([&](Liar::Stream& stream) {
      Liar::announce(stream, manifest);
      Liar::chunk(stream, 0, "{}");
      Liar::chunk(stream, 1, "weig");
    });
    CHECK_THROWS_WITH(server->fetch(), test::contains("cut short"));
  }
  SECTION("too long") {
    const auto server = with([&](Liar::Stream& stream) {
      Liar::announce(stream, manifest);
      Liar::chunk(stream, 0, "{}!");
    });
    CHECK_THROWS_AS(server->fetch(), DamagedTransfer);
  }
  SECTION("a model hash of something else") {
    manifest.model_hash = sha256_hex("something else");
    const auto server = with([&](Liar::Stream& stream) { Liar::announce(stream, manifest); });
    CHECK_THROWS_WITH(server->fetch(), test::contains("does not follow"));
  }
  SECTION("an absurd size") {
    manifest.files[1].size = uint64_t{1} << 60;
    manifest.model_hash = model_hash(manifest.files);
    const auto server = with([&](Liar::Stream& stream) { Liar::announce(stream, manifest); });
    CHECK_THROWS_AS(server->fetch(), WorldError);
  }
  SECTION("a path for a name") {
    manifest.files[0].name = "../../config.json";
    const auto server = with([&](Liar::Stream& stream) { Liar::announce(stream, manifest); });
    CHECK_THROWS_AS(server->fetch(), WorldError);
  }
  SECTION("no announcement") {
    const auto server = with([&](Liar::Stream& stream) { Liar::chunk(stream, 0, "{}"); });
    CHECK_THROWS_AS(server->fetch(), WorldError);
  }
  SECTION("nothing at all") {
    const auto server = with([](Liar::Stream&) {});
    CHECK_THROWS_AS(server->fetch(), WorldError);
  }
}

TEST_CASE("A server that goes away in the middle of a transfer is a WorldError") {
  HaltingStore store;
  store.publish("policy", test::make_policy(1));
  Server server(parse_listen_address("127.0.0.1:0"), {&store, nullptr, nullptr});
  std::jthread stopper([&] {
    while (!store.reached) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    std::jthread release([&] {  // the service ends once it notices that its call is gone
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
      store.go_on = true;
    });
    server.stop(std::chrono::milliseconds(0));
  });
  CHECK_THROWS_AS(CheckpointClient(server.address()).fetch("policy", 0), WorldError);
}

TEST_CASE("A server that is not there is a WorldError that names it") {
  Address gone;
  {
    Shop shop;
    gone = shop.server.address();
  }
  CHECK_THROWS_AS(CheckpointClient(gone).fetch("policy", 0), Unreachable);
  CHECK_THROWS_WITH(CheckpointClient(gone).publish("policy", test::make_policy(1)),
                    test::contains(gone.text() + " does not answer"));
}

TEST_CASE("A memory store keeps the newest versions and what is being read") {
  MemoryCheckpointStore store(2);
  store.publish_as("policy", 5, test::make_policy(1));
  const auto held = store.open("policy", 5);
  CHECK(store.publish("policy", test::make_policy(2)) == 6);
  CHECK(store.publish("policy", test::make_policy(3)) == 7);
  CHECK_THROWS_WITH(store.fetch("policy", 5), test::contains("it has 6 to 7"));
  std::string bytes;
  held->read(1, 1000, [&](std::string_view piece) { bytes += piece; });
  CHECK(bytes == *test::make_policy(1).files[1].bytes);
  REQUIRE(store.list().size() == 1);
  CHECK(store.list()[0].version == 7);
}

TEST_CASE("A version that is named is kept under its number, though an earlier one has the same bytes") {
  MemoryCheckpointStore store(2);
  store.publish_as("policy", 1, test::make_policy(1));
  store.publish_as("policy", 2, test::make_policy(1));
  CHECK(store.open("policy", 2)->version() == 2);
  CHECK(store.open("policy", 1)->version() == 1);
  CHECK(store.fetch("policy", 2).manifest.model_hash == store.fetch("policy", 1).manifest.model_hash);
}

TEST_CASE("The newest version of every model is listed") {
  Shop shop;
  shop.client.publish("sft", test::make_policy(1));
  shop.client.publish("sft", test::make_policy(2));
  shop.client.publish("rm", test::make_reward_model());
  const auto stub = v1::CheckpointService::NewStub(dial(shop.server.address()));
  grpc::ClientContext context;
  prepare(context, std::chrono::seconds(10));
  v1::ListReply reply;
  REQUIRE(stub->List(&context, {}, &reply).ok());
  REQUIRE(reply.models_size() == 2);
  CHECK(reply.models(0).name() == "rm");
  CHECK(reply.models(1).name() == "sft");
  CHECK(reply.models(1).version() == 2);
}

}  // namespace rlhf
