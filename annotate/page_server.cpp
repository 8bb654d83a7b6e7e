#include "annotate/page_server.h"

#include <charconv>
#include <chrono>
#include <ctime>
#include <thread>

#include <httplib.h>
#include <sys/socket.h>

#include "annotate/page_api.h"
#include "annotate/page_guard.h"
#include "annotate/page_parts.h"
#include "annotate/page_request.h"
#include "contract/error.h"
#include "log/log.h"

namespace rlhf {

namespace {

using httplib::Request;
using httplib::Response;
using nlohmann::ordered_json;

constexpr int kThreads = 16;
constexpr std::size_t kLongestToken = 128;
constexpr char kJson[] = "application/json";
constexpr char kScript[] = "text/javascript; charset=utf-8";
constexpr char kHtml[] = "text/html; charset=utf-8";
constexpr char kTokenPath[] = R"(/a/([^/]{1,128}))";

struct PageFile {
  const char* path;
  const char* type;
  std::string_view text;
};

const std::vector<PageFile>& page_files() {
  static const std::vector<PageFile> kFiles = {{"/page/page.css", "text/css; charset=utf-8", kPageCss},
                                               {"/page/icon.svg", "image/svg+xml", kIconSvg},
                                               {"/page/page.js", kScript, kPageJs},
                                               {"/page/elements.js", kScript, kElementsJs},
                                               {"/page/ranking.js", kScript, kRankingJs},
                                               {"/page/entry.js", kScript, kEntryJs},
                                               {"/page/outbox.js", kScript, kOutboxJs},
                                               {"/page/texts.js", kScript, kTextsJs},
                                               {"/page/cards.js", kScript, kCardsJs},
                                               {"/page/board.js", kScript, kBoardJs},
                                               {"/page/drag.js", kScript, kDragJs},
                                               {"/page/figures.js", kScript, kFiguresJs}};
  return kFiles;
}

int64_t now_ms() {
  using namespace std::chrono;
  return duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count();
}

std::string day_of(int64_t time_ms) {
  const std::time_t seconds = time_ms / 1000;
  std::tm day{};
  gmtime_r(&seconds, &day);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%d %H:%M UTC", &day);
  return text;
}

void send_json(Response& response, int status, const ordered_json& body) {
  response.status = status;
  response.set_content(body.dump(-1, ' ', false, ordered_json::error_handler_t::replace), kJson);
}

void send_error(Response& response, int status, const std::string& words) {
  send_json(response, status, {{"error", words}});
}

/// A page that says why there is nothing to see. The words are ours.
void send_notice(Response& response, int status, const std::string& words) {
  std::string page(kNoticeHtml);
  const std::string mark = "{{words}}";
  page.replace(page.find(mark), mark.size(), words);
  response.status = status;
  response.set_content(page, kHtml);
}

/// Runs `work` and sends what it gives, or why it did not.
template <class Work>
void answer_with(Response& response, Work&& work) {
  try {
    send_json(response, 200, work());
  } catch (const RefusedRequest& refused) {
    send_error(response, refused.status(), refused.what());
  } catch (const NoSuchAnnotation& error) {
    send_error(response, 404, error.what());
  } catch (const UnfitRanks& error) {
    send_error(response, 422, error.what());
  } catch (const UserError& error) {
    send_error(response, 409, error.what());
  } catch (const std::exception& error) {
    log::error(std::string("the page: ") + error.what());
    send_error(response, 503, std::string("the server could not do it: ") + error.what());
  }
}

/// Throws RefusedRequest when the body is too long, whatever the headers say of it, or no JSON.
std::string read_body(const Request& request, const Response& response, const httplib::ContentReader& read) {
  const std::string type = request.get_header_value("Content-Type");
  if (type.substr(0, type.find(';')) != kJson)
    throw RefusedRequest(415, std::string("the request is not ") + kJson);
  std::string body;
  bool fits = true;
  const bool whole = read([&](const char* data, std::size_t size) {
    fits = size <= kLongestBody - body.size();
    if (fits) body.append(data, size);
    return fits;
  });
  if (!fits || response.status == 413)
    throw RefusedRequest(413, "the request is longer than " + std::to_string(kLongestBody) + " bytes");
  if (!whole) throw RefusedRequest(400, "the request ended early");
  return body;
}

template <class Integer>
Integer number_in(const Request& request, const char* name) {
  const std::string text = request.get_param_value(name);
  Integer value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < 0)
    throw RefusedRequest(400, std::string("\"") + name + "\" is not a whole number");
  return value;
}

TextQuery text_query(const Request& request) {
  const std::string part = request.get_param_value("part");
  if (part != "prompt" && part != "response") throw RefusedRequest(400, "\"part\" is prompt or response");
  return {number_in<int64_t>(request, "annotation"), part == "response",
          static_cast<std::size_t>(number_in<int64_t>(request, "index")),
          static_cast<std::size_t>(number_in<int64_t>(request, "offset"))};
}

bool is_for_api(const Request& request) {
  return request.path.starts_with("/api/");
}

/// Why a request is not even looked at; empty when it is.
std::string refusal(const Request& request) {
  const std::string host = request.get_header_value("Host");
  if (request.get_header_value_count("Host") != 1 || !names_this_machine(host))
    return "this server answers to localhost and loopback addresses only";
  if (!is_for_api(request)) return {};
  const std::string from = request.get_header_value("Sec-Fetch-Site");
  const bool foreign =
      request.has_header("Origin") && !is_own_origin(request.get_header_value("Origin"), host);
  if (foreign || (!from.empty() && from != "same-origin"))
    return "another site's page may not ask this server for anything";
  return {};
}

}  // namespace

class PageServer::Service {
 public:
  Service(const PageOptions& options, PageLinks links)
      : api_(options.ledger, options.campaign), links_(std::move(links)) {
    set_limits();
    add_pages();
    add_api();
    bind(options);
    thread_ = std::thread([this] { server_.listen_after_bind(); });
    while (!server_.is_running()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }

  ~Service() {
    server_.stop();
    thread_.join();
  }

  uint16_t port() const { return port_; }

 private:
  void set_limits() {
    server_.new_task_queue = [] { return new httplib::ThreadPool(kThreads); };
    server_.set_payload_max_length(kLongestBody);
    // One request a connection: idle ones hold no thread, and nothing unread is taken for the next request.
    server_.set_keep_alive_max_count(1);
    server_.set_tcp_nodelay(true);
    // Not the library's SO_REUSEPORT: a port that somebody else serves is an error.
    server_.set_socket_options([](int socket) {
      const int yes = 1;
      setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    });
    httplib::Headers headers;
    for (const auto& header : guarding_headers()) headers.insert(header);
    server_.set_default_headers(std::move(headers));
    server_.set_pre_routing_handler([](const Request& request, Response& response) {
      using Handled = httplib::Server::HandlerResponse;
      if (const std::string words = refusal(request); !words.empty()) {
        send_error(response, 403, words);
        return Handled::Handled;
      }
      if (request.method == "GET" || request.method == "HEAD" || request.method == "POST")
        return Handled::Unhandled;
      send_error(response, 405, "GET and POST are understood here");
      return Handled::Handled;
    });
    server_.set_exception_handler([](const Request&, Response& response, std::exception_ptr) {
      log::error("the page: a request failed");
      send_error(response, 500, "the request failed");
    });
    server_.set_error_handler([](const Request&, Response& response) {
      if (response.body.empty()) send_error(response, response.status, "there is nothing here");
    });
  }

  void add_pages() {
    for (const PageFile& file : page_files()) {
      server_.Get(file.path, [&file](const Request&, Response& response) {
        response.set_content(file.text.data(), file.text.size(), file.type);
      });
    }
    server_.Get("/", [](const Request&, Response& response) {
      send_notice(response, 200, "Rankings are collected here. Open the link that was made for you.");
    });
    server_.Get(kTokenPath, [this](const Request& request, Response& response) {
      const PageLinks::Visitor visitor = links_.visitor(request.matches[1].str(), now_ms());
      if (visitor.admission == PageLinks::Admission::kAdmitted) {
        response.set_content(kRankPageHtml.data(), kRankPageHtml.size(), kHtml);
      } else if (visitor.admission == PageLinks::Admission::kExpired) {
        send_notice(response, 410,
                    "This link expired on " + day_of(visitor.expires_ms) +
                        ". Ask for a new one; what you answered is kept.");
      } else {
        send_notice(
            response, 403,
            "This link is not known here. It may be cut short, or of another campaign: ask for yours again.");
      }
    });
  }

  void add_api() {
    get("/api/session", [this](const PageAnnotator& who, const Request&) { return api_.session(who); });
    get("/api/figures", [this](const PageAnnotator& who, const Request&) { return api_.figures(who.id); });
    get("/api/text", [this](const PageAnnotator& who, const Request& request) {
      return api_.text(who.id, text_query(request));
    });
    post("/api/next", [this](int64_t who, const std::string&) { return api_.next(who); });
    post("/api/draft", [this](int64_t who, const std::string& body) { return api_.draft(who, body); });
    post("/api/answer", [this](int64_t who, const std::string& body) { return api_.answer(who, body); });
    post("/api/undo", [this](int64_t who, const std::string& body) { return api_.undo(who, body); });
    // Whatever else is posted is answered without being read.
    server_.Post(".*", [](const Request&, Response& response, const httplib::ContentReader&) {
      send_error(response, 404, "there is nothing here");
    });
  }

  template <class Work>
  void get(const char* path, Work work) {
    server_.Get(path, [this, work](const Request& request, Response& response) {
      if (const auto who = admitted(request, response))
        answer_with(response, [&] { return work(*who, request); });
    });
  }

  template <class Work>
  void post(const char* path, Work work) {
    server_.Post(
        path, [this, work](const Request& request, Response& response, const httplib::ContentReader& read) {
          if (const auto who = admitted(request, response))
            answer_with(response, [&] { return work(who->id, read_body(request, response, read)); });
        });
  }

  /// Who asks, by "Authorization: Bearer TOKEN"; tells them when they may not.
  std::optional<PageAnnotator> admitted(const Request& request, Response& response) const {
    const std::string scheme = "Bearer ";
    const std::string given = request.get_header_value("Authorization");
    PageLinks::Visitor visitor;
    if (given.starts_with(scheme) && given.size() <= scheme.size() + kLongestToken)
      visitor = links_.visitor(given.substr(scheme.size()), now_ms());
    if (visitor.admission == PageLinks::Admission::kAdmitted) return visitor.annotator;
    const bool expired = visitor.admission == PageLinks::Admission::kExpired;
    send_error(response, 401, expired ? "this link has expired" : "this link is not known here");
    return std::nullopt;
  }

  void bind(const PageOptions& options) {
    if (options.port == 0) {
      const int port = server_.bind_to_any_port(options.host);
      if (port <= 0) throw WorldError(options.host + ": no port can be had there");
      port_ = static_cast<uint16_t>(port);
      return;
    }
    if (!server_.bind_to_port(options.host, options.port))
      throw WorldError(options.host + ", port " + std::to_string(options.port) +
                       ": cannot listen there; another program may have it, 0 picks a free one");
    port_ = options.port;
  }

  PageApi api_;
  PageLinks links_;
  httplib::Server server_;
  uint16_t port_ = 0;
  std::thread thread_;
};

PageServer::PageServer(const PageOptions& options, PageLinks links)
    : service_(std::make_unique<Service>(options, std::move(links))) {}

PageServer::~PageServer() = default;

uint16_t PageServer::port() const {
  return service_->port();
}

}  // namespace rlhf
