#include "rpc/model_address.h"

#include <charconv>

#include "contract/checkpoint_store.h"
#include "contract/error.h"
#include "rpc/checkpoint_client.h"

namespace rlhf {
namespace {

constexpr std::string_view kScheme = "grpc://";

int64_t parse_version(std::string_view digits, const std::string& text) {
  int64_t version = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), version);
  if (error != std::errc() || end != digits.data() + digits.size() || version < 1)
    throw UserError("\"" + text + "\": the version after @ must be 1, 2, ...");
  return version;
}

}  // namespace

std::string ModelAddress::text() const {
  return std::string(kScheme) + server.text() + "/" + name + (version ? "@" + std::to_string(version) : "");
}

bool is_model_address(std::string_view text) {
  return text.starts_with(kScheme);
}

ModelAddress parse_model_address(const std::string& text) {
  const std::string_view rest = std::string_view(text).substr(is_model_address(text) ? kScheme.size() : 0);
  const std::size_t slash = rest.find('/');
  if (!is_model_address(text) || slash == std::string_view::npos)
    throw UserError("\"" + text +
                    "\" is not a model on a server: grpc://HOST:PORT/NAME or grpc://HOST:PORT/NAME@VERSION");
  ModelAddress address;
  address.server =
      parse_server_address(std::string(rest.substr(0, slash)), "the server of \"" + text + "\":");
  const std::string_view model = rest.substr(slash + 1);
  const std::size_t at = model.find('@');
  if (at != std::string_view::npos) address.version = parse_version(model.substr(at + 1), text);
  address.name = model.substr(0, at);
  if (!is_model_name(address.name))
    throw UserError("\"" + text +
                    "\": a model's name has letters, digits, '.', '_' and '-', and does not begin with '.'");
  return address;
}

CheckpointBytes fetch_model(const std::string& address) {
  const ModelAddress model = parse_model_address(address);
  return CheckpointClient(model.server).fetch(model.name, model.version);
}

ModelAddress parse_publish_address(const std::string& text) {
  ModelAddress model = parse_model_address(text);
  if (model.version != 0)
    throw UserError("\"" + text + "\": the server numbers what is published; leave out the @");
  return model;
}

ModelAddress publish_model(const std::string& address, const CheckpointBytes& checkpoint) {
  ModelAddress model = parse_publish_address(address);
  model.version = CheckpointClient(model.server).publish(model.name, checkpoint);
  return model;
}

}  // namespace rlhf
