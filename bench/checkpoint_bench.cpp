// A checkpoint of one file fetched over gRPC on loopback, from our server to our client, beside a raw stream
// of the same bytes: a service of one method that sends them as they lie in chunks of the same size, and a
// caller that appends them to a string and takes their SHA-256, no message format, manifest or protocol
// around them. A line of JSON on standard output:
//   checkpoint_bench MEGABYTES
#include <cstdint>
#include <iostream>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>

#include <grpcpp/create_channel.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/method_handler.h>
#include <grpcpp/support/sync_stream.h>

#include "bench/best_time.h"
#include "contract/sha256.h"
#include "rpc/checkpoint_client.h"
#include "rpc/chunk_stream.h"
#include "rpc/memory_checkpoint_store.h"
#include "rpc/server.h"

namespace rlhf::bench {
namespace {

constexpr char kMethod[] = "/bench.RawStream/Bytes";

/// Sends slices of the bytes where they lie.
class RawService : public grpc::Service {
 public:
  explicit RawService(const std::string& bytes) : bytes_(bytes) {
    using Handler = grpc::internal::ServerStreamingHandler<RawService, grpc::ByteBuffer, grpc::ByteBuffer>;
    AddMethod(new grpc::internal::RpcServiceMethod(
        kMethod, grpc::internal::RpcMethod::SERVER_STREAMING,
        new Handler([](RawService* self, grpc::ServerContext*, const grpc::ByteBuffer*,
                       grpc::ServerWriter<grpc::ByteBuffer>* writer) { return self->send(*writer); },
                    this)));
  }

 private:
  grpc::Status send(grpc::ServerWriter<grpc::ByteBuffer>& writer) const {
    for (std::size_t at = 0; at < bytes_.size(); at += kChunkBytes) {
      const grpc::Slice piece(bytes_.data() + at, std::min(kChunkBytes, bytes_.size() - at),
                              grpc::Slice::STATIC_SLICE);
      if (!writer.Write(grpc::ByteBuffer(&piece, 1))) return grpc::Status::CANCELLED;
    }
    return grpc::Status::OK;
  }

  const std::string& bytes_;
};

class RawStream {
 public:
  explicit RawStream(const std::string& bytes) : size_(bytes.size()), service_(bytes) {
    int port = 0;
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
    builder.RegisterService(&service_);
    server_ = builder.BuildAndStart();
    channel_ = grpc::CreateChannel("127.0.0.1:" + std::to_string(port), grpc::InsecureChannelCredentials());
  }
  ~RawStream() { server_->Shutdown(); }

  /// The hash of what arrived.
  std::string fetch() {
    grpc::ClientContext context;
    const grpc::internal::RpcMethod method(kMethod, grpc::internal::RpcMethod::SERVER_STREAMING, channel_);
    const std::unique_ptr<grpc::ClientReader<grpc::ByteBuffer>> reader(
        grpc::internal::ClientReaderFactory<grpc::ByteBuffer>::Create(channel_.get(), method, &context,
                                                                      grpc::ByteBuffer(&nothing_, 1)));
    std::string arrived;
    arrived.reserve(size_);
    Sha256 hash;
    grpc::ByteBuffer message;
    std::vector<grpc::Slice> slices;
    while (reader->Read(&message)) {
      if (!message.Dump(&slices).ok()) throw std::runtime_error("a message without bytes");
      for (const grpc::Slice& slice : slices) {
        const std::string_view piece(reinterpret_cast<const char*>(slice.begin()), slice.size());
        hash.update(piece);
        arrived.append(piece);
      }
    }
    if (!reader->Finish().ok() || arrived.size() != size_)
      throw std::runtime_error("the raw stream broke off");
    return hash.hex_digest();
  }

 private:
  const std::size_t size_;
  const grpc::Slice nothing_{std::string("?")};
  RawService service_;
  std::unique_ptr<grpc::Server> server_;
  std::shared_ptr<grpc::Channel> channel_;
};

std::string random_bytes(std::size_t count) {
  std::mt19937_64 draw(1);
  std::string bytes(count, '\0');
  for (std::size_t i = 0; i + 8 <= count; i += 8) {
    const uint64_t word = draw();
    std::copy_n(reinterpret_cast<const char*>(&word), 8, bytes.data() + i);
  }
  return bytes;
}

void run(std::size_t megabytes) {
  const auto bytes = std::make_shared<const std::string>(random_bytes(megabytes * 1'000'000));
  CheckpointBytes checkpoint;
  checkpoint.manifest.files = {{"model.safetensors", bytes->size(), sha256_hex(*bytes)}};
  checkpoint.manifest.model_hash = model_hash(checkpoint.manifest.files);
  checkpoint.manifest.stage = "sft";
  checkpoint.files = {{"model.safetensors", bytes}};
  MemoryCheckpointStore store;
  store.publish("model", checkpoint);
  Server server(parse_listen_address("127.0.0.1:0"), {&store, nullptr, nullptr});
  CheckpointClient client(server.address());
  RawStream raw(*bytes);

  // In turn, so that neither has the quieter machine.
  double ours = 0, beside = 0;
  for (int round = 0; round < 3; ++round) {
    const double one = best_seconds([&] { client.fetch("model", 0); });
    const double other = best_seconds([&] {
      if (raw.fetch() != checkpoint.manifest.files[0].sha256) throw std::runtime_error("a wrong hash");
    });
    ours = round == 0 ? one : std::min(ours, one);
    beside = round == 0 ? other : std::min(beside, other);
  }
  const double gigabytes = static_cast<double>(bytes->size()) / 1e9;
  std::cout << "{\"piece\": \"checkpoint transfer\", \"shape\": \"" << megabytes
            << " MB, loopback\", \"seconds\": " << ours
            << ", \"unit\": \"GB/s\", \"rate\": " << gigabytes / ours
            << ", \"beside\": " << gigabytes / beside
            << ", \"beside_is\": \"raw gRPC stream with SHA-256\"}\n";
}

}  // namespace
}  // namespace rlhf::bench

int main(int count, char** words) {
  if (count != 2) {
    std::cerr << "see the head of bench/checkpoint_bench.cpp\n";
    return 2;
  }
  try {
    rlhf::bench::run(std::stoul(words[1]));
  } catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
    return 1;
  }
}
