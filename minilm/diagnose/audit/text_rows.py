"""Rows of text, in minilm's own encoding: their mask is minilm's, so only the cut can do harm."""

from ... import chat, data, files
from ...tokenizer import EOS_ID
from .aligning import PreparedRow


class TextRows:
    """An iterator of PreparedRows of a file of text rows, which counts what the cut did.

    tokenizer: built from the file. Raises ValueError naming file and line for what is no row.
    """

    def __init__(self, path, level="char", max_tokens=None):
        self.tokenizer, self.file_rows = files.rows.stream(path, level, max_tokens)
        self.limit = files.rows.choose_limit(max_tokens)
        self.rows = self.cut = self.cut_before = self.cut_inside = self.unweighted = 0

    def __iter__(self):
        for _, _, row, is_cut, problem in self.file_rows:
            weights = data.weigh_tokens(row)
            self.rows += 1
            self.cut += is_cut
            self.cut_before += bool(is_cut and problem)
            self.unweighted += bool(problem and not is_cut)
            self.cut_inside += bool(is_cut and weights[-1] > 0 and row.tokens[-1] != EOS_ID)
            owners = [chat.ROLES[role] for role in row.roles]
            yield PreparedRow(row.tokens, weights, ends_unknown=is_cut, owners=owners)

    def tell(self):
        """Sentences on the cut, and on rows whose answers all have weight 0."""
        said = []
        if self.cut:
            said.append(
                f"cut to {self.limit} tokens: {self.cut:,} of {self.rows:,} rows; give --max-tokens N"
            )
        if self.cut_before:
            said.append(f"the cut leaves {self.cut_before:,} rows without a token that carries loss")
        if self.cut_inside:
            said.append(f"the cut leaves {self.cut_inside:,} answers without their end and its <eos>")
        if self.unweighted:
            said.append(f"the answers of {self.unweighted:,} rows all have weight 0")
        return said
