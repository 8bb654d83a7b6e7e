#include "tests/end_to_end/run_program.h"

#include <csignal>
#include <stdexcept>
#include <thread>

#include <fcntl.h>
#include <nlohmann/json.hpp>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

extern char** environ;

namespace rlhf::test {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::milliseconds kLook{1};

std::FILE* scratch_file(const std::string& text = "") {
  std::FILE* file = std::tmpfile();
  if (!file) throw std::runtime_error("cannot make a temporary file");
  fcntl(fileno(file), F_SETFD, FD_CLOEXEC);
  if (std::fwrite(text.data(), 1, text.size(), file) != text.size() || std::fflush(file) != 0)
    throw std::runtime_error("cannot write a temporary file");
  std::rewind(file);
  return file;
}

std::string text_of(std::FILE* file) {
  std::string text;
  char buffer[4096];
  ssize_t count = 0;
  while ((count = pread(fileno(file), buffer, sizeof buffer, static_cast<off_t>(text.size()))) > 0)
    text.append(buffer, static_cast<size_t>(count));
  return text;
}

std::vector<std::string> environment_with(const std::map<std::string, std::string>& added) {
  std::vector<std::string> all;
  for (char** entry = environ; *entry; ++entry) {
    const std::string text = *entry;
    if (!added.contains(text.substr(0, text.find('=')))) all.push_back(text);
  }
  for (const auto& [name, value] : added) all.push_back(name + "=" + value);
  return all;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> all;
  for (std::string& text : texts) all.push_back(text.data());
  all.push_back(nullptr);
  return all;
}

std::string joined(const std::vector<std::string>& words) {
  std::string line = "rlhf";
  for (const std::string& word : words) line += " " + word;
  return line;
}

}  // namespace

Program::Program(std::vector<std::string> arguments, RunOptions options)
    : arguments_(std::move(arguments)),
      in_(scratch_file(options.input)),
      out_(scratch_file()),
      err_(scratch_file()),
      deadline_(Clock::now() + options.limit) {
  std::vector<std::string> words = std::vector<std::string>{RLHF_PROGRAM} + arguments_;
  std::vector<std::string> environment = environment_with(options.environment);
  const std::vector<char*> argv = pointers(words), envp = pointers(environment);
  const pid_t parent = getpid();
  pid_ = fork();
  if (pid_ < 0) throw std::runtime_error("cannot fork");
  if (pid_ > 0) return;
  // The child calls nothing but the kernel.
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(127);
  dup2(fileno(in_.get()), STDIN_FILENO);
  dup2(fileno(out_.get()), STDOUT_FILENO);
  dup2(fileno(err_.get()), STDERR_FILENO);
  if (options.largest_file) {
    const rlimit limit{*options.largest_file, *options.largest_file};
    setrlimit(RLIMIT_FSIZE, &limit);
    std::signal(SIGXFSZ, SIG_IGN);  // write() returns the error instead
  }
  execve(RLHF_PROGRAM, argv.data(), envp.data());
  _exit(127);
}

Program::~Program() {
  if (!in_ || exit_code_) return;
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
}

bool Program::running() {
  if (exit_code_) return false;
  int status = 0;
  if (waitpid(pid_, &status, WNOHANG) == 0) return true;
  exit_code_ = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  return false;
}

void Program::send(int signal) {
  if (running()) kill(pid_, signal);
}

std::string Program::out() const {
  return text_of(out_.get());
}
std::string Program::err() const {
  return text_of(err_.get());
}

void Program::require_time() {
  if (Clock::now() < deadline_) return;
  send(SIGKILL);
  throw std::runtime_error(joined(arguments_) + "\ntook too long and was killed; it had said:\n" + err());
}

std::string Program::listening() {
  while (true) {
    const bool alive = running();
    const std::string text = out();
    if (const size_t end = text.find('\n'); end != std::string::npos)
      return nlohmann::json::parse(text.substr(0, end)).at("listening");
    if (!alive) throw std::runtime_error(joined(arguments_) + "\nended without an address:\n" + err());
    require_time();
    std::this_thread::sleep_for(kLook);
  }
}

RunResult Program::wait() {
  while (running()) {
    require_time();
    std::this_thread::sleep_for(kLook);
  }
  return {*exit_code_, out(), err()};
}

RunResult run(std::vector<std::string> arguments, RunOptions options) {
  return Program(std::move(arguments), std::move(options)).wait();
}

RunResult run_well(std::vector<std::string> arguments, RunOptions options) {
  RunResult result = run(arguments, std::move(options));
  if (result.exit_code != 0)
    throw std::runtime_error(joined(arguments) + "\nended with " + std::to_string(result.exit_code) + ":\n" +
                             result.err);
  return result;
}

std::vector<std::string> operator+(std::vector<std::string> first, const std::vector<std::string>& second) {
  first.insert(first.end(), second.begin(), second.end());
  return first;
}

}  // namespace rlhf::test
