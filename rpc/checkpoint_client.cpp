#include "rpc/checkpoint_client.h"

#include <map>
#include <mutex>
#include <stdexcept>

#include <rlhf/v1/checkpoint.grpc.pb.h>

#include "contract/error.h"
#include "rpc/call.h"
#include "rpc/chunk_stream.h"
#include "rpc/convert.h"
#include "rpc/error.h"

namespace rlhf {
namespace {

/// Files up to this size (tokenizer, config) are kept for the next fetch; larger ones only while somebody
/// uses them.
constexpr std::size_t kKeepBytes = 16 << 20;
/// Memory grows with what arrives rather than with what was announced.
constexpr uint64_t kReserveAtMost = uint64_t{1} << 30;

using Bytes = std::shared_ptr<const std::string>;

/// Files seen before, by SHA-256.
class FileCache {
 public:
  Bytes find(const ManifestEntry& file) {
    const std::scoped_lock lock(mutex_);
    const auto found = files_.find(file.sha256);
    return found == files_.end() ? nullptr : found->second.lock();
  }

  /// Remembers the files of `name`; small ones of its fetch before are let go.
  void remember(const std::string& name, const CheckpointBytes& checkpoint) {
    const std::scoped_lock lock(mutex_);
    std::vector<Bytes>& kept = kept_[name];
    const std::vector<Bytes> before = std::exchange(kept, {});
    for (std::size_t i = 0; i < checkpoint.files.size(); ++i) {
      const Bytes& bytes = checkpoint.files[i].bytes;
      files_[checkpoint.manifest.files[i].sha256] = bytes;
      if (bytes->size() <= kKeepBytes) kept.push_back(bytes);
    }
    std::erase_if(files_, [](const auto& entry) { return entry.second.expired(); });
  }

 private:
  std::mutex mutex_;
  std::map<std::string, std::weak_ptr<const std::string>> files_;
  std::map<std::string, std::vector<Bytes>> kept_;
};

/// Ends a stream whatever happens. Finish() does not return while messages are unread, so they are read
/// first.
template <typename Request, typename Reply>
class Ending {
 public:
  using Stream = grpc::ClientReaderWriter<Request, Reply>;
  Ending(grpc::ClientContext& context, Stream& stream, std::string server)
      : context_(context), stream_(stream), server_(std::move(server)) {}
  ~Ending() {
    if (ended_) return;
    context_.TryCancel();
    drain();
    stream_.Finish();
  }
  /// Throws what the server answered, if it was an error.
  void finish() {
    ended_ = true;
    drain();
    throw_if_failed(stream_.Finish(), server_);
  }
  /// The stream broke off: throws the server's error, or that it ended early.
  [[noreturn]] void broke() {
    finish();
    throw DamagedTransfer("grpc://" + server_ + " ended the transfer early");
  }

 private:
  void drain() {
    Reply unread;
    while (stream_.Read(&unread)) {
    }
  }

  grpc::ClientContext& context_;
  Stream& stream_;
  const std::string server_;
  bool ended_ = false;
};

void check_consistent(const CheckpointBytes& checkpoint) {
  bool same = checkpoint.files.size() == checkpoint.manifest.files.size();
  for (std::size_t i = 0; same && i < checkpoint.files.size(); ++i)
    same = checkpoint.files[i].name == checkpoint.manifest.files[i].name && checkpoint.files[i].bytes &&
           checkpoint.files[i].bytes->size() == checkpoint.manifest.files[i].size;
  if (!same) throw std::invalid_argument("the files of the checkpoint are not those of its manifest");
}

}  // namespace

class CheckpointClient::Impl {
 public:
  Impl(const Address& server, TransferLimits limits, Deadlines deadlines)
      : server_(server.text()),
        limits_(limits),
        deadlines_(deadlines),
        stub_(v1::CheckpointService::NewStub(dial(server))) {}

  int64_t publish(const std::string& name, const CheckpointBytes& checkpoint);
  CheckpointBytes fetch(const std::string& name, int64_t version);

 private:
  CheckpointManifest read_announcement(const v1::FetchReply& reply, const std::string& name,
                                       int64_t version) const;

  const std::string server_;
  const TransferLimits limits_;
  const Deadlines deadlines_;
  const std::unique_ptr<v1::CheckpointService::Stub> stub_;
  FileCache cache_;
};

CheckpointManifest CheckpointClient::Impl::read_announcement(const v1::FetchReply& reply,
                                                             const std::string& name, int64_t version) const {
  const v1::Announcement& announced = reply.announced();
  if (!reply.has_announced() || announced.name() != name || (version != 0 && announced.version() != version))
    throw DamagedTransfer("grpc://" + server_ + " answers for another model than " + name);
  try {
    return from_wire(announced.manifest(), limits_);
  } catch (const UserError& error) {  // the server's fault, not the user's
    throw DamagedTransfer("grpc://" + server_ + "/" + name + ": " + error.what());
  }
}

CheckpointBytes CheckpointClient::Impl::fetch(const std::string& name, int64_t version) {
  grpc::ClientContext context;
  prepare(context, deadlines_.transfer);
  const auto stream = stub_->Fetch(&context);
  Ending ending(context, *stream, server_);
  v1::FetchRequest request;
  request.mutable_want()->set_name(name);
  request.mutable_want()->set_version(version);
  v1::FetchReply reply;  // reused: keeps its buffer
  if (!stream->Write(request) || !stream->Read(&reply)) ending.broke();

  CheckpointBytes checkpoint{read_announcement(reply, name, version), {}};
  std::vector<std::shared_ptr<std::string>> arriving(checkpoint.manifest.files.size());
  std::vector<std::size_t> wanted;
  for (std::size_t i = 0; i < arriving.size(); ++i) {
    const ManifestEntry& file = checkpoint.manifest.files[i];
    Bytes bytes = cache_.find(file);
    if (!bytes) {
      arriving[i] = std::make_shared<std::string>();
      arriving[i]->reserve(std::min(file.size, kReserveAtMost));
      bytes = arriving[i];
      wanted.push_back(i);
    }
    checkpoint.files.push_back({file.name, std::move(bytes)});
  }
  request.Clear();
  to_wire(wanted, *request.mutable_wanted());
  if (!stream->Write(request)) ending.broke();
  stream->WritesDone();

  FileReceiver receiver(checkpoint.manifest, wanted,
                        [&](std::size_t file, std::string_view piece) { arriving[file]->append(piece); });
  while (stream->Read(&reply)) receiver.add(reply.chunk().file(), reply.chunk().data());
  ending.finish();
  receiver.finish();
  cache_.remember(name, checkpoint);
  return checkpoint;
}

int64_t CheckpointClient::Impl::publish(const std::string& name, const CheckpointBytes& checkpoint) {
  check_consistent(checkpoint);
  grpc::ClientContext context;
  prepare(context, deadlines_.transfer);
  const auto stream = stub_->Publish(&context);
  Ending ending(context, *stream, server_);
  v1::PublishRequest request;
  request.mutable_announced()->set_name(name);
  to_wire(checkpoint.manifest, *request.mutable_announced()->mutable_manifest());
  v1::PublishReply reply;
  if (!stream->Write(request) || !stream->Read(&reply)) ending.broke();

  if (!reply.has_published()) {
    request.Clear();
    for (const std::size_t file : from_wire(reply.wanted(), checkpoint.files.size())) {
      const std::string_view bytes = *checkpoint.files[file].bytes;
      for (std::size_t at = 0; at < bytes.size(); at += kChunkBytes) {
        const std::string_view piece = bytes.substr(at, kChunkBytes);
        request.mutable_chunk()->set_file(static_cast<uint32_t>(file));
        request.mutable_chunk()->set_data(piece.data(), piece.size());
        if (!stream->Write(request)) ending.broke();
      }
    }
    stream->WritesDone();
    if (!stream->Read(&reply) || !reply.has_published()) ending.broke();
  }
  const int64_t version = reply.published().version();
  ending.finish();
  return version;
}

CheckpointClient::CheckpointClient(const Address& server, TransferLimits limits, Deadlines deadlines)
    : impl_(std::make_unique<Impl>(server, limits, deadlines)) {}
CheckpointClient::~CheckpointClient() = default;

int64_t CheckpointClient::publish(const std::string& name, const CheckpointBytes& checkpoint) {
  return impl_->publish(name, checkpoint);
}
CheckpointBytes CheckpointClient::fetch(const std::string& name, int64_t version) {
  return impl_->fetch(name, version);
}

}  // namespace rlhf
