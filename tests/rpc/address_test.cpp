#include "contract/error.h"
#include "rpc/model_address.h"
#include "tests/support/catch.h"

namespace rlhf {

TEST_CASE("A listening address is HOST:PORT on this machine") {
  CHECK(parse_listen_address("127.0.0.1:5000") == Address{"127.0.0.1", 5000});
  CHECK(parse_listen_address("localhost:0") == Address{"127.0.0.1", 0});
  CHECK(parse_listen_address("127.9.9.9:65535") == Address{"127.9.9.9", 65535});
  CHECK(parse_listen_address("[::1]:7").text() == "[::1]:7");
}

TEST_CASE("A listening address that is not one is the user's error") {
  for (const char* text : {"", "5000", ":5000", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1",
                           "127.0.0.1:50x", "::1:5000", "a/b:5", "unix:/tmp/x"})
    CHECK_THROWS_AS(parse_listen_address(text), UserError);
}

TEST_CASE("An address of another machine is refused by name") {
  for (const char* text : {"0.0.0.0:5000", "10.0.0.1:5000", "[::]:5000", "example.org:80", "128.0.0.1:1"}) {
    CHECK_THROWS_AS(parse_listen_address(text), UserError);
    CHECK_THROWS_AS(parse_server_address(std::string("grpc://") + text, "--learner"), UserError);
  }
  CHECK_THROWS_WITH(parse_listen_address("10.0.0.1:5000"), test::contains("10.0.0.1 is not this machine"));
}

TEST_CASE("A server is dialled with or without its scheme but never at port 0") {
  CHECK(parse_server_address("grpc://127.0.0.1:5000", "--learner") == Address{"127.0.0.1", 5000});
  CHECK(parse_server_address("127.0.0.1:5000", "--learner") == Address{"127.0.0.1", 5000});
  CHECK_THROWS_AS(parse_server_address("127.0.0.1:0", "--learner"), UserError);
}

TEST_CASE("A model address has a server, a name and perhaps a version") {
  const ModelAddress newest = parse_model_address("grpc://127.0.0.1:5000/sft-1.0_a");
  CHECK(newest.server == Address{"127.0.0.1", 5000});
  CHECK(newest.name == "sft-1.0_a");
  CHECK(newest.version == 0);
  const ModelAddress third = parse_model_address("grpc://[::1]:5000/sft@3");
  CHECK(third.version == 3);
  CHECK(third.text() == "grpc://[::1]:5000/sft@3");
}

TEST_CASE("A model address that is not one is the user's error") {
  for (const char* text :
       {"grpc://127.0.0.1:5000", "grpc://127.0.0.1:5000/", "grpc://127.0.0.1/sft", "127.0.0.1:5000/sft",
        "grpc://127.0.0.1:5000/a/b", "grpc://127.0.0.1:5000/.hidden", "grpc://127.0.0.1:5000/a@",
        "grpc://127.0.0.1:5000/a@0", "grpc://127.0.0.1:5000/a@-1", "grpc://127.0.0.1:5000/a@1x",
        "grpc://127.0.0.1:0/a", "grpc://10.0.0.1:5000/a"})
    CHECK_THROWS_AS(parse_model_address(text), UserError);
  CHECK(is_model_address("grpc://x"));
  CHECK_FALSE(is_model_address("runs/grpc://x"));
}

}  // namespace rlhf
