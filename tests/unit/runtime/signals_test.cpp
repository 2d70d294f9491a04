#include "runtime/signals.h"

#include "catch.h"

#include <csignal>

namespace expandft {
namespace {

int noted_elsewhere = 0;

void note_elsewhere(int signal) {
  noted_elsewhere = signal;
}

using Handler = void (*)(int);

Handler handler_of(int signal) {
  struct sigaction action {};
  sigaction(signal, nullptr, &action);
  return action.sa_handler;
}

}  // namespace

TEST_CASE("a signal is noted, and a second one finds the default action") {
  const int number = GENERATE(SIGINT, SIGTERM);
  const SignalWatch signals;
  CHECK(signals.caught() == 0);
  std::raise(number);
  CHECK(signals.caught() == number);
  CHECK(handler_of(number) == SIG_DFL);
}

TEST_CASE("a new watch has caught nothing") {
  {
    const SignalWatch signals;
    std::raise(SIGTERM);
    REQUIRE(signals.caught() == SIGTERM);
  }
  const SignalWatch signals;
  CHECK(signals.caught() == 0);
}

TEST_CASE("an ignored signal stays ignored") {
  const Handler before = std::signal(SIGINT, SIG_IGN);
  {
    const SignalWatch signals;
    std::raise(SIGINT);
    CHECK(signals.caught() == 0);
    std::raise(SIGTERM);
    CHECK(signals.caught() == SIGTERM);
  }
  CHECK(handler_of(SIGINT) == SIG_IGN);
  std::signal(SIGINT, before);
}

TEST_CASE("afterwards the earlier action is there again") {
  const Handler before = std::signal(SIGINT, note_elsewhere);
  {
    const SignalWatch signals;
    std::raise(SIGINT);
    CHECK(signals.caught() == SIGINT);
    CHECK(noted_elsewhere == 0);
  }
  std::raise(SIGINT);
  CHECK(noted_elsewhere == SIGINT);
  std::signal(SIGINT, before);
}

}  // namespace expandft
