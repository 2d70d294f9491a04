#pragma once

#include "cli/app.h"

namespace expandft {

// One file for each command: its options, and what it does with them.
void setup_expand(CLI::App& app, Context& context);
void setup_train(CLI::App& app, Context& context);
void setup_eval(CLI::App& app, Context& context);
void setup_merge(CLI::App& app, Context& context);
void setup_unmerge(CLI::App& app, Context& context);
void setup_import(CLI::App& app, Context& context);
void setup_generate(CLI::App& app, Context& context);
void setup_score(CLI::App& app, Context& context);
void setup_tokenize(CLI::App& app, Context& context);
void setup_chat_preview(CLI::App& app, Context& context);
void setup_inspect(CLI::App& app, Context& context);
void setup_validate(CLI::App& app, Context& context);
void setup_tasks(CLI::App& app, Context& context);
void setup_schema(CLI::App& app, Context& context);

}  // namespace expandft
