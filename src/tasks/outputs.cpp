#include "tasks/outputs.h"

namespace expandft {

double ExampleOutput::log_prob() const {
  double sum = 0;
  for (const Likelihood& likelihood : likelihoods) sum += likelihood.log_prob;
  return sum;
}

std::int64_t ExampleOutput::tokens() const {
  std::int64_t sum = 0;
  for (const Likelihood& likelihood : likelihoods) sum += likelihood.tokens;
  return sum;
}

}  // namespace expandft
