#include "formats/record_writer.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <utility>

#include <fcntl.h>
#include <unistd.h>
#include <zlib.h>

#include "contract/error.h"
#include "formats/fields.h"
#include "formats/format.h"
#include "formats/raw_record.h"

namespace rlhf {

namespace fs = std::filesystem;

namespace {

constexpr unsigned kBufferBytes = 256 * 1024;

const Format& writable_format(const std::string& name) {
  const Format& format = format_by_name(name);
  if (!format.write) throw UserError("format '" + name + "' is only read; export as another one");
  return format;
}

/// None unless the file's name asks for a table.
std::unique_ptr<CsvTable> table_for(const std::string& path) {
  const std::string extension = data_extension(path);
  if (extension == ".csv") return std::make_unique<CsvTable>(',');
  if (extension == ".tsv") return std::make_unique<CsvTable>('\t');
  return nullptr;
}

}  // namespace

/// Bytes to a temporary file beside the target, plain or gzip, renamed at the end; straight to standard
/// output, a pipe or a device, which a file must not take the place of.
class RecordWriter::Sink {
 public:
  explicit Sink(const std::string& path)
      : path_(path), temporary_(path + ".partial-" + std::to_string(getpid())) {
    std::error_code unknown;  // a path that cannot be looked at is told when it is opened
    const bool to_stdout = path == "-", special = fs::is_other(path, unknown);
    direct_ = to_stdout || special;
    const int descriptor = to_stdout ? dup(STDOUT_FILENO)
                           : special
                               ? open(path.c_str(), O_WRONLY | O_CLOEXEC)
                               : open(temporary_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (descriptor < 0) fail();
    const bool compress = !to_stdout && fs::path(path).extension() == ".gz";
    file_ = gzdopen(descriptor, compress ? "wb6" : "wbT");
    if (!file_) fail();
    gzbuffer(file_, kBufferBytes);
  }

  ~Sink() {
    if (file_) gzclose(file_);
    std::error_code ignored;
    if (!direct_ && !finished_) fs::remove(temporary_, ignored);
  }

  void write(const std::string& bytes) {
    if (gzwrite(file_, bytes.data(), static_cast<unsigned>(bytes.size())) != static_cast<int>(bytes.size()))
      fail();
  }

  void finish() {
    if (gzclose(std::exchange(file_, nullptr)) != Z_OK) fail();
    if (direct_) return;
    const int descriptor = open(temporary_.c_str(), O_RDONLY | O_CLOEXEC);
    const bool durable = descriptor >= 0 && fsync(descriptor) == 0;
    if (descriptor >= 0) close(descriptor);
    if (!durable || std::rename(temporary_.c_str(), path_.c_str()) != 0) fail();
    finished_ = true;
  }

 private:
  [[noreturn]] void fail() const { throw WorldError(path_ + ": cannot be written: " + std::strerror(errno)); }

  std::string path_;
  std::string temporary_;
  bool direct_ = false;
  bool finished_ = false;
  gzFile file_ = nullptr;
};

RecordWriter::RecordWriter(const std::string& path, const std::string& format)
    : format_(writable_format(format)), sink_(std::make_unique<Sink>(path)), table_(table_for(path)) {}

RecordWriter::~RecordWriter() = default;

void RecordWriter::write(const ImportRecord& record) {
  JsonObjects objects;
  try {
    format_.write(record, objects);
    // A record's objects are all of one shape: the first one is refused or none is.
    for (const auto& object : objects) {
      if (table_)
        table_->add(object);
      else
        sink_->write(object.dump() + "\n");
      ++lines_;
    }
  } catch (const BadRecord& reason) {
    ++left_out_[reason.what()];
  }
}

void RecordWriter::finish() {
  if (table_) table_->pour([this](const std::string& row) { sink_->write(row); });
  sink_->finish();
}

}  // namespace rlhf
