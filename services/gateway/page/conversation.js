// Turns of question and answer -> the messages that are sent. Knows no page.

const REMEMBERED = 10; // earlier turns that go with a question; the gateway fits them to its budget

export class Conversation {
  turns = [];

  // The request for `turn`: every answered turn before it, then its question.
  request(turn, twin) {
    const before = this.turns.slice(0, this.turns.indexOf(turn)).filter((earlier) => earlier.text.trim()).slice(-REMEMBERED);
    const messages = before.flatMap(({ question, text }) => [{ role: "user", content: question }, { role: "assistant", content: text }]);
    return { messages: [...messages, { role: "user", content: turn.question }], ...(Object.keys(twin).length && { twin }) };
  }

  add(turn) {
    this.turns.push(turn);
    return turn;
  }

  drop(turn) {
    this.turns = this.turns.filter((other) => other !== turn);
  }
}
