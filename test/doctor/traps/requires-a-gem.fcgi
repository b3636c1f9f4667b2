#!/usr/bin/env ruby
# The application is a file of its own.
require "your_application"
YourApplication.serve
