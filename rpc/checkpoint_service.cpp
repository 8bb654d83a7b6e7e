#include <rlhf/v1/checkpoint.grpc.pb.h>

#include "contract/error.h"
#include "rpc/call.h"
#include "rpc/chunk_stream.h"
#include "rpc/convert.h"
#include "rpc/error.h"
#include "rpc/services.h"

namespace rlhf {
namespace {

using FetchStream = grpc::ServerReaderWriter<v1::FetchReply, v1::FetchRequest>;
using PublishStream = grpc::ServerReaderWriter<v1::PublishReply, v1::PublishRequest>;

void require_sent(bool sent) {
  if (!sent) throw Unreachable("the caller is gone");
}

class CheckpointService : public v1::CheckpointService::Service {
 public:
  CheckpointService(CheckpointStore& store, TransferLimits limits) : store_(store), limits_(limits) {}

  grpc::Status Fetch(grpc::ServerContext* context, FetchStream* stream) override {
    return serve(*context, [&] { fetch(*stream); });
  }

  grpc::Status Publish(grpc::ServerContext* context, PublishStream* stream) override {
    return serve(*context, [&] { publish(*stream); });
  }

  grpc::Status List(grpc::ServerContext* context, const v1::ListRequest*, v1::ListReply* reply) override {
    return serve(*context, [&] {
      for (const CheckpointStore::Listed& model : store_.list())
        announce(model.name, model.version, model.manifest, *reply->add_models());
    });
  }

 private:
  static void announce(const std::string& name, int64_t version, const CheckpointManifest& manifest,
                       v1::Announcement& wire) {
    wire.set_name(name);
    wire.set_version(version);
    to_wire(manifest, *wire.mutable_manifest());
  }

  void fetch(FetchStream& stream) {
    v1::FetchRequest request;
    if (!stream.Read(&request) || !request.has_want())
      throw UserError("a fetch begins with the model wanted");
    const auto stored = store_.open(request.want().name(), request.want().version());
    v1::FetchReply announcement;
    announce(request.want().name(), stored->version(), stored->manifest(), *announcement.mutable_announced());
    require_sent(stream.Write(announcement));
    if (!stream.Read(&request) || !request.has_wanted())
      throw UserError("an announcement is answered with the files wanted");
    v1::FetchReply reply;  // reused: keeps its buffer
    send_files(*stored, from_wire(request.wanted(), stored->manifest().files.size()),
               [&](std::size_t file, std::string_view piece) {
                 reply.mutable_chunk()->set_file(static_cast<uint32_t>(file));
                 reply.mutable_chunk()->set_data(piece.data(), piece.size());
                 require_sent(stream.Write(reply));
               });
  }

  void publish(PublishStream& stream) {
    v1::PublishRequest request;
    if (!stream.Read(&request) || !request.has_announced())
      throw UserError("publishing begins with an announcement");
    const std::string name = request.announced().name();
    const CheckpointManifest manifest = from_wire(request.announced().manifest(), limits_);
    const auto deliver = [&](const std::vector<std::size_t>& wanted, const TakePiece& take) {
      v1::PublishReply reply;
      to_wire(wanted, *reply.mutable_wanted());
      require_sent(stream.Write(reply));
      FileReceiver receiver(manifest, wanted, take);
      while (stream.Read(&request)) receiver.add(request.chunk().file(), request.chunk().data());
      receiver.finish();
    };
    v1::PublishReply reply;
    reply.mutable_published()->set_name(name);
    reply.mutable_published()->set_version(store_.accept(name, manifest, deliver));
    require_sent(stream.Write(reply));
  }

  CheckpointStore& store_;
  const TransferLimits limits_;
};

}  // namespace

std::unique_ptr<grpc::Service> make_checkpoint_service(CheckpointStore& store, TransferLimits limits) {
  return std::make_unique<CheckpointService>(store, limits);
}

}  // namespace rlhf
