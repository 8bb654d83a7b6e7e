#include "annotate/page_api.h"

#include "annotate/page_request.h"
#include "annotate/page_texts.h"

namespace rlhf {

namespace {

using nlohmann::ordered_json;

ordered_json next_offset(const TextPiece& piece) {
  return piece.next ? ordered_json(*piece.next) : ordered_json(nullptr);
}

ordered_json text_json(const std::string& text) {
  TextPiece piece = piece_of(text, 0, kFirstPiece);
  ordered_json next = next_offset(piece);
  return {{"text", std::move(piece.text)}, {"bytes", text.size()}, {"next", std::move(next)}};
}

/// A plain prompt is one message of no role.
Conversation messages_of(const Prompt& prompt) {
  return prompt.is_chat() ? prompt.messages : Conversation{{"", prompt.text}};
}

ordered_json task_json(const AnnotationTask& task) {
  auto prompt = ordered_json::array();
  for (const Message& message : messages_of(task.prompt)) {
    prompt.push_back(text_json(message.content));
    prompt.back()["role"] = message.role;
  }
  auto responses = ordered_json::array();
  for (const AnnotationTask::Item& item : task.items) {
    responses.push_back(text_json(item.text));
    responses.back()["rank"] = item.rank ? ordered_json(*item.rank) : ordered_json(nullptr);
    if (!item.model.empty()) responses.back()["model"] = item.model;
  }
  return {{"annotation", task.annotation_id},
          {"prompt", std::move(prompt)},
          {"responses", std::move(responses)},
          {"note", task.note},
          {"confidence", task.confidence ? ordered_json(*task.confidence) : ordered_json(nullptr)}};
}

const std::string& wanted_text(const AnnotationTask& task, const Conversation& messages,
                               const TextQuery& query) {
  const std::size_t count = query.of_response ? task.items.size() : messages.size();
  if (query.index >= count) throw RefusedRequest(404, "the task has no such text");
  return query.of_response ? task.items[query.index].text : messages[query.index].content;
}

}  // namespace

PageApi::PageApi(const std::filesystem::path& ledger, const Campaign& campaign)
    : campaign_(campaign),
      database_(ledger, IfAbsent::kRefuse),
      store_(database_),
      figures_(ledger, campaign.id) {}

ordered_json PageApi::session(const PageAnnotator& annotator) const {
  return {{"annotator", annotator.name},        {"campaign", campaign_.name},
          {"guidelines", campaign_.guidelines}, {"k", campaign_.k},
          {"overlap", campaign_.overlap},       {"blind", campaign_.blind}};
}

ordered_json PageApi::state(int64_t annotator, const std::optional<AnnotationTask>& task) {
  const auto last = store_.last_answer(campaign_.id, annotator);
  const auto campaign = store_.find_campaign(campaign_.name);
  if (!task) figures_.ended();
  return {{"task", task ? task_json(*task) : ordered_json(nullptr)},
          {"last_answer", last ? ordered_json(*last) : ordered_json(nullptr)},
          {"open", campaign && campaign->open},
          {"figures", figures_.of(annotator)}};
}

ordered_json PageApi::next(int64_t annotator) {
  const std::lock_guard lock(mutex_);
  return state(annotator, store_.next_task(campaign_.id, annotator));
}

ordered_json PageApi::draft(int64_t annotator, const std::string& body) {
  const PageAnswer draft = parse_draft(body);
  const std::lock_guard lock(mutex_);
  store_.save_draft(annotator, draft.annotation, draft.answer);
  return {{"kept", true}};
}

ordered_json PageApi::answer(int64_t annotator, const std::string& body) {
  const PageAnswer given = parse_answer(body);
  const std::lock_guard lock(mutex_);
  if (given.verdict == Verdict::kSubmitted) {
    store_.submit(annotator, given.annotation, given.answer);
  } else if (given.verdict == Verdict::kSkipped) {
    store_.skip(annotator, given.annotation, given.answer.note);
  } else {
    store_.not_rankable(annotator, given.annotation, given.answer.note);
  }
  figures_.changed_by(annotator);
  return state(annotator, store_.next_task(campaign_.id, annotator));
}

ordered_json PageApi::undo(int64_t annotator, const std::string& body) {
  const int64_t answer = parse_undo(body);
  const std::lock_guard lock(mutex_);
  const auto task = store_.undo(campaign_.id, annotator, answer);
  figures_.changed_by(annotator);
  return state(annotator, task);
}

ordered_json PageApi::text(int64_t annotator, const TextQuery& query) {
  AnnotationTask task;
  {
    const std::lock_guard lock(mutex_);
    task = store_.task(annotator, query.annotation);
  }
  const Conversation messages = messages_of(task.prompt);
  const TextPiece piece = piece_of(wanted_text(task, messages, query), query.offset, kFurtherPiece);
  return {{"text", piece.text}, {"next", next_offset(piece)}};
}

}  // namespace rlhf
