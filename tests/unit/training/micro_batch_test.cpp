#include "training/micro_batch.h"

#include "catch.h"

namespace expandft {
namespace {

using Reason = MicroBatchChoice::Reason;

/// Steps of 12 sequences of 100 tokens, at 1 byte a token.
MicroBatchLimits twelve() {
  return {.lengths = std::vector<std::int64_t>(40, 100),
          .batch_size = 12,
          .batch_tokens = {},
          .free_bytes = 1e9,
          .token_bytes = 1};
}

/// Free memory of which just `bytes` may be used.
double free_for(double bytes) {
  return bytes / kUsableMemory + 1e-6;
}

TEST_CASE("with enough memory a micro-batch is a rank's whole step") {
  MicroBatchLimits limits = twelve();
  MicroBatchChoice choice = choose_micro_batch(limits);
  CHECK(choice.sequences == 12);
  CHECK(choice.tokens == 1200);
  CHECK(choice.bytes == 1200);
  CHECK(choice.reason == Reason::kWholeStep);
  limits.ranks = 5;
  CHECK(choose_micro_batch(limits).sequences == 3);
  limits.ranks = 12;
  CHECK(choose_micro_batch(limits).sequences == 1);
}

TEST_CASE("a step that does not fit is halved until its parts do") {
  MicroBatchLimits limits = twelve();
  for (const auto& [tokens, sequences] :
       {std::pair(1200, 12), {1199, 6}, {600, 6}, {599, 3}, {300, 3}, {299, 2}, {199, 1}}) {
    INFO(tokens);
    limits.free_bytes = free_for(tokens);
    const MicroBatchChoice choice = choose_micro_batch(limits);
    CHECK(choice.sequences == sequences);
    CHECK(choice.bytes <= tokens);
    CHECK(choice.reason == (sequences == 12 ? Reason::kWholeStep : Reason::kMemory));
  }
  limits.free_bytes = free_for(99);
  const MicroBatchChoice choice = choose_micro_batch(limits);
  CHECK(choice.sequences == 1);
  CHECK(choice.reason == Reason::kTooLarge);
}

TEST_CASE("what training takes in any case counts, and what is computed in turn does not add") {
  MicroBatchLimits limits = twelve();
  limits.fixed_bytes = 1000;
  limits.free_bytes = free_for(1600);
  CHECK(choose_micro_batch(limits).sequences == 6);
  limits.other_bytes = 600;
  CHECK(choose_micro_batch(limits).sequences == 6);
  limits.other_bytes = 601;
  const MicroBatchChoice choice = choose_micro_batch(limits);
  CHECK(choice.sequences == 1);
  CHECK(choice.reason == Reason::kTooLarge);
}

TEST_CASE("no micro-batch is larger than makes it faster") {
  MicroBatchLimits limits = twelve();
  limits.enough = 700;
  CHECK(choose_micro_batch(limits).sequences == 6);
  CHECK(choose_micro_batch(limits).reason == Reason::kEnough);
  limits.enough = 10;
  CHECK(choose_micro_batch(limits).sequences == 1);
  CHECK(choose_micro_batch(limits).reason == Reason::kEnough);
}

TEST_CASE("the longest sequences decide, because they may come together") {
  MicroBatchLimits limits = twelve();
  limits.lengths = {10, 400, 10, 10, 300, 10, 10, 10, 10, 10, 10, 10, 10, 10};
  CHECK(choose_micro_batch(limits).tokens == 800);
  limits.free_bytes = free_for(750);
  CHECK(choose_micro_batch(limits).sequences == 6);
  CHECK(choose_micro_batch(limits).tokens == 740);
  // An epoch of fewer sequences than a step has: some come twice.
  limits.free_bytes = 1e9;
  limits.lengths = {10, 400};
  CHECK(choose_micro_batch(limits).tokens == 410 + 10 * 400);
}

TEST_CASE("a step of so many tokens is divided into powers of two") {
  MicroBatchLimits limits = twelve();
  limits.batch_size.reset();
  limits.batch_tokens = 1250;
  MicroBatchChoice choice = choose_micro_batch(limits);
  CHECK(choice.sequences == 16);  // of which a step has 12 at most
  CHECK(choice.tokens == 1250);
  CHECK(choice.reason == Reason::kWholeStep);
  limits.free_bytes = free_for(1000);
  choice = choose_micro_batch(limits);
  CHECK(choice.sequences == 8);
  CHECK(choice.tokens == 800);
  limits.free_bytes = free_for(100);
  CHECK(choose_micro_batch(limits).sequences == 1);
  limits.free_bytes = 1e9;
  limits.ranks = 3;
  CHECK(choose_micro_batch(limits).sequences == 4);
  // A sequence longer than a step is a step by itself.
  limits.batch_tokens = 50;
  choice = choose_micro_batch(limits);
  CHECK(choice.sequences == 1);
  CHECK(choice.tokens == 100);
}

}  // namespace
}  // namespace expandft
