#include "runtime/signals.h"

#include "catch.h"

#include <atomic>
#include <csignal>
#include <thread>
#include <unistd.h>

namespace expandft {
namespace {

int noted_elsewhere = 0;

void note_elsewhere(int signal) {
  noted_elsewhere = signal;
}

std::atomic<int> note_count = 0;
std::atomic<bool> handled_by_computing_thread = false;
thread_local bool computes = false;

void note_thread(int) {
  if (computes) handled_by_computing_thread = true;
  ++note_count;
}

using Handler = void (*)(int);

Handler handler_of(int signal) {
  struct sigaction action {};
  sigaction(signal, nullptr, &action);
  return action.sa_handler;
}

}  // namespace

TEST_CASE("a signal is recorded, and a second one has the default action") {
  const int number = GENERATE(SIGINT, SIGTERM, SIGHUP);
  const SignalWatch signals;
  CHECK(signals.caught() == 0);
  std::raise(number);
  CHECK(signals.caught() == number);
  CHECK(handler_of(number) == SIG_DFL);
}

TEST_CASE("a signal that no thread has taken yet counts as caught, an ignored one does not") {
  const int number = GENERATE(SIGINT, SIGTERM, SIGHUP);
  const Handler action = GENERATE(SIG_DFL, SIG_IGN);
  const Handler before = std::signal(number, action);
  sigset_t taken, mask;
  sigemptyset(&taken);
  sigaddset(&taken, number);
  pthread_sigmask(SIG_BLOCK, &taken, &mask);
  {
    const SignalWatch signals;
    std::raise(number);
    CHECK(signals.caught() == (action == SIG_IGN ? 0 : number));
    int waited = 0;
    REQUIRE(sigwait(&taken, &waited) == 0);
  }
  pthread_sigmask(SIG_SETMASK, &mask, nullptr);
  std::signal(number, before);
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

TEST_CASE("a nested watch reports what the outer one caught and changes nothing") {
  const SignalWatch outer;
  {
    const SignalWatch inner;
    CHECK(inner.caught() == 0);
  }
  std::raise(SIGTERM);
  CHECK(outer.caught() == SIGTERM);
  {
    const SignalWatch inner;
    CHECK(inner.caught() == SIGTERM);
    CHECK(handler_of(SIGTERM) == SIG_DFL);  // a second one still ends the process
  }
  CHECK(outer.caught() == SIGTERM);
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

TEST_CASE("afterwards the earlier action is restored") {
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

TEST_CASE("the signals of a process are handled by the signal thread, not by those that compute") {
  const int number = GENERATE(SIGINT, SIGTERM, SIGHUP);
  const Handler before = std::signal(number, note_thread);
  note_count = 0;
  handled_by_computing_thread = false;
  {
    const SignalThread signals;
    computes = true;
    std::atomic<bool> stop = false;
    std::thread started_later([&] {
      computes = true;
      while (!stop) std::this_thread::yield();
    });
    for (int i = 1; i <= 20; ++i) {
      kill(getpid(), number);
      while (note_count < i) std::this_thread::yield();
    }
    stop = true;
    started_later.join();
    CHECK_FALSE(handled_by_computing_thread);
  }
  kill(getpid(), number);
  CHECK(note_count == 21);
  CHECK(handled_by_computing_thread);  // the earlier mask is restored
  computes = false;
  std::signal(number, before);
}

}  // namespace expandft
