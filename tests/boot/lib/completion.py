#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What a shell makes of the completion of lkvm's command line.

usage: completion.py bash|zsh FILE <TABLE

FILE is the completion for that shell. A line of TABLE is what somebody types, " =>", and
all words that there are for the last one; of these, what was typed up to its last '=', ':' or
',' is left out. The shell is an interactive one on a terminal, which inserts all words at a
key; another key has it tell the line. Prints TAP.
"""

import os
import pty
import re
import select
import shutil
import signal
import sys
import tempfile

PATIENCE = 120

BASH = r"""
PS1='' PS2='' ; unset HISTFILE ; bind 'set bell-style none'
bind 'set enable-bracketed-paste off' ; bind 'set completion-query-items -1'
[[ ! -r $LIBRARY ]] || . "$LIBRARY"
. "$COMPLETION"
tell() { printf '%s\n' "$READLINE_LINE" >"$ANSWER"; READLINE_LINE='' READLINE_POINT=0; }
bind '"\C-xa": insert-completions' ; bind -x '"\C-xd": tell'
"""

ZSH = r"""
PS1='' PROMPT_EOL_MARK='' ; unset HISTFILE ; setopt no_beep no_list_beep
fpath=("${COMPLETION:h}" $fpath) ; autoload -Uz compinit ; compinit -u -D
zle -C all complete-word _generic
zstyle ':completion:all:*' completer _all_matches _complete
zstyle ':completion:all:*' insert yes
zstyle ':completion:*' use-cache no
tell() { print -r -- "$BUFFER" >"$ANSWER"; BUFFER=''; }
zle -N tell ; bindkey -e ; bindkey '^Xa' all ; bindkey '^Xd' tell
"""

START = {"bash": (["bash", "--norc", "--noprofile", "-i"], BASH),
	"zsh": (["zsh", "-f", "-i"], ZSH)}


class Shell:
	"""An interactive shell, and a named pipe by which it tells what is typed."""

	def __init__(self, name, completion, folder):
		self.answer = os.path.join(folder, "answer")
		rc = os.path.join(folder, "rc")
		os.mkfifo(self.answer)
		command, text = START[name]
		with open(rc, "w", encoding="utf-8") as f:
			f.write(text + 'printf "ready\\n" >"$ANSWER"\n')
		environ = dict(os.environ, ANSWER=self.answer, TERM="dumb", INPUTRC="/dev/null",
			COMPLETION=os.path.abspath(completion),
			LIBRARY="/usr/share/bash-completion/bash_completion")
		self.pipe = os.open(self.answer, os.O_RDWR)
		self.child, self.terminal = pty.fork()
		if not self.child:
			os.execvpe(command[0], command, environ)
		self.shown = b""
		self.type(" . %s\n" % rc)
		self.line()

	def type(self, text):
		os.write(self.terminal, text.encode())

	def line(self):
		"""The next line that the shell tells; what it shows is read meanwhile."""
		told = b""
		while not told.endswith(b"\n"):
			ready = select.select([self.pipe, self.terminal], [], [], PATIENCE)[0]
			if not ready:
				raise TimeoutError(self.shown.decode(errors="replace")[-2000:])
			if self.terminal in ready:
				self.shown += os.read(self.terminal, 4096)
			if self.pipe in ready:
				told += os.read(self.pipe, 4096)
		return told.decode().rstrip("\n")

	def complete(self, text):
		self.type(text + "\x18a\x18d")
		return self.line()

	def end(self):
		os.kill(self.child, signal.SIGKILL)
		os.waitpid(self.child, 0)
		os.close(self.terminal)
		os.close(self.pipe)


def words_of(typed, line):
	"""The words that have come for the last one typed, in the form of the table."""
	last = re.search(r"\S*$", typed).group()
	base = re.search(r"^.*[=:,]|^", last).group()
	part = re.search(r"[^=:]*$", base).group()
	words = []
	for word in line[len(typed) - len(last):].split():
		# bash replaces only what follows a '=' or ':'.
		word = word.removeprefix(base if word.startswith(base) else part)
		words.append(word.rstrip("/=" if word.startswith("--") else "/"))
	if words == [last[len(base):]] or words == []:
		return []	# nothing has come, or what was typed is complete
	return sorted(words)


def main():
	name, completion = sys.argv[1:]
	number = failed = 0
	folder = tempfile.mkdtemp()
	shell = Shell(name, completion, folder)
	try:
		for row in sys.stdin:
			typed, found, wanted = row.rstrip("\n").partition(" =>")
			if not found:
				raise ValueError("no =>: " + row)
			line = shell.complete(typed)
			words = words_of(typed, line)
			good = words == sorted(wanted.split())
			number += 1
			failed += not good
			print("%sok - completion of %s: %s" % ("" if good else "not ", name, typed))
			if not good:
				print("# there was: %s" % " ".join(words))
				print("# line: %s" % line)
	finally:
		shell.end()
		shutil.rmtree(folder)
	if not number:
		print("not ok - completion of %s: nothing was tried" % name)
	return 1 if failed or not number else 0


if __name__ == "__main__":
	sys.exit(main())
