"""What the promises about speed are measured with: each number beside a bare baseline of the same run."""
